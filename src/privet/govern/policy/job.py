"""A request as the ledger holds it, its digest, and what its guarantee amounts to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from privet.claims import (
    DPGuarantee,
    FLGuarantee,
    Guarantee,
    HEGuarantee,
    JointGuarantee,
    LocalDPGuarantee,
    MPCGuarantee,
    Request,
    to_json,
)
from privet.govern.ledger.canonical import canonical, framed

SHOWN_ONLY = ("compare", "predict")
"""Actions that show something to whoever may see the rows, and release nothing."""
PRIVATELY = {
    "schema": "privet schema draft FILE --private --epsilon E   # or, by the owner, a policy with "
    "plain = true for this purpose"
}
"""By action, the line that does under differential privacy what was asked for in the clear."""
_JOB = b"privet job 1"
_FIELDS = ("action", "data_set", "version", "purpose", "guarantee", "parameters")


def record_of(request: Request, version: Any) -> dict[str, Any]:
    """The request as JSON, with the version of the data set that it is about."""
    return {
        "action": request.action,
        "data_set": request.data_set,
        "version": version,
        "purpose": request.purpose,
        "guarantee": to_json(request.guarantee),
        "parameters": request.parameters,
    }


def job_digest(request: Request | dict[str, Any], *, version: Any = None) -> str:
    """SHA-256 over the canonical JSON of exactly this request, as 64 hex digits.

    Args:
        request: what is asked for, or its record in a ledger, which has its own version.
        version: the data set's version.

    Raises:
        InvalidInput: the parameters are no JSON values.
    """
    record = record_of(request, version) if isinstance(request, Request) else request
    exact = {name: record.get(name) for name in _FIELDS}
    return hashlib.sha256(framed(_JOB, canonical(exact))).hexdigest()


def protections_of(guarantee: Guarantee) -> frozenset[str]:
    """The protections that the guarantee really claims, of "plain" and `PROTECTIONS`.

    What was simulated in one process, and noise from a known seed, protect nobody: they do not
    count, and where nothing else is claimed the run is plain.
    """
    parts = list(_leaves(guarantee, simulated=False))
    found = {_name(part, simulated) for part, simulated in parts} - {""}
    return frozenset(found or {"plain"})


def delta_of(guarantee: Guarantee) -> float:
    """The deltas of all parts, added up."""
    return sum(part.delta for part, _ in _leaves(guarantee) if isinstance(part, DPGuarantee))


def _leaves(guarantee: Guarantee, simulated: bool = False) -> Iterator[tuple[Guarantee, bool]]:
    rehearsed = simulated or guarantee.simulated
    if isinstance(guarantee, JointGuarantee):
        for part in guarantee.parts:
            yield from _leaves(part, rehearsed)
    else:
        yield guarantee, rehearsed


def _name(part: Guarantee, simulated: bool) -> str:
    """The protection of one part, "" for one that protects nobody beside others."""
    if isinstance(part, DPGuarantee):
        # The noise is in what is released, whoever ran the other parts of the stack.
        return "private" if part.secret_noise and not part.simulated else ""
    for kind, name in ((LocalDPGuarantee, "local"), (FLGuarantee, "federated"),
                       (MPCGuarantee, "shared"), (HEGuarantee, "encrypted")):  # fmt: skip
        if isinstance(part, kind):
            return "" if simulated else name
    return "plain"
