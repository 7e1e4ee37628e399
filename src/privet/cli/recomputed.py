"""Recomputing the claim of an entry from the releases that it names.

The page that `privet verify-receipt --html` writes gives the same answers by code of its own in
the browser; `tests/golden/test_page_recomputes.py` holds the two and dp-accounting together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from privet.claims import DPGuarantee, from_json
from privet.claims.events import EVENT_KINDS, Gaussian, PoissonGaussian
from privet.claims.guarantees import kinds
from privet.claims.serial import is_finite
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.govern.ledger import Receipt

Word = Literal["holds", "does not hold", "cannot be recomputed"]
HOLDS: Word = "holds"
FAILS: Word = "does not hold"
UNKNOWN: Word = "cannot be recomputed"

TOLERANCE = 1e-3
"""How far an epsilon may lie below the one found here,"""
SHARE = 0.01
"""and at most this part of itself."""
FLOOR = 2e-13
"""What accountants in double precision may lose of delta."""
_NOISE = (1e-3, 1e6)
"""Noise multipliers that are added up here,"""
_SAMPLED = 0.04
"""and the least one on samples: below it, the accountant's grid outgrows the memory."""
_MOST_MU = 30.0
_MOST_SAMPLED = 10**8
_MECHANISM, _ON_GRID = "mechanism", "noise on a grid"
_INDEPENDENT = {Gaussian: "every-unit", PoissonGaussian: "poisson"}
_ELSEWHERE = "it is about who computes or sees updates, not about what the result reveals"
_NO_EPSILON = {
    "none": "it promises nothing about the model, which was trained in the clear",
    "local-dp": "its mechanism is not recorded as typed releases",
    "mpc": _ELSEWHERE,
    "he": _ELSEWHERE,
    "fl": _ELSEWHERE,
    "joint": "it stacks several protections, which are not composed here",
}


@dataclass(frozen=True)
class Answer:
    """Whether a claim follows from the releases that it names.

    Attributes:
        why: the reason where it does not, or cannot be told.
        epsilon, delta: as claimed; None where the claim states none.
        share: the part of delta that is the releases' own.
        found: the epsilon that they add up to at that part; None where it was not computed.
    """

    answer: Word
    why: str = ""
    epsilon: float | None = None
    delta: float | None = None
    share: float | None = None
    found: float | None = None

    def __str__(self) -> str:
        claimed = ""
        if self.epsilon is not None:
            claimed = f": claimed epsilon {self.epsilon:.6g} at delta {self.delta:.3g}"
        here = "" if self.found is None else f"; recomputed here: {self.found:.6g}"
        why = f" ({self.why})" if self.why else ""
        return f"the claim {self.answer}{claimed}{here}{why}"


def checked_claim(receipt: Receipt, others: Sequence[Receipt] = ()) -> Answer | None:
    """Whether the claim of a receipt's entry follows from its releases and what was reserved.

    Args:
        receipt: one that holds (`privet.govern.ledger.check`).
        others: more that hold; the reservation of a commit is looked for among them.

    Returns:
        None if the entry claims nothing and asks for nothing.
    """
    payload = receipt.entry.payload
    if not isinstance(payload, dict):
        return None
    claim = payload.get("guarantee")
    claim = _asked(payload) if claim is None else claim
    if claim is None:
        return None
    answer, reserved = recomputed(claim), reserved_for(receipt, others)
    if reserved is None or not reserved[1]:
        return answer
    fault = f"it is not what entry {reserved[0]} reserved: {reserved[1]}"
    return replace(answer, answer=FAILS, why="; ".join(filter(None, (answer.why, fault))))


def recomputed(record: Any) -> Answer:
    """Whether the claim in this JSON object follows from the releases that it names.

    An epsilon that is at least what they add up to holds; how much smaller one may be says
    `TOLERANCE`. What is known to be out of range does not hold.
    """
    reason = _foreign(record)
    if reason:
        return Answer(UNKNOWN, reason)
    try:
        claim = from_json(record)
    except InvalidInput as error:
        return Answer(FAILS, error.problem)
    assert isinstance(claim, DPGuarantee)
    return _of_releases(claim)


def exceeds(done: Any, asked: Any) -> str:
    """What is wrong with a claim that was committed where another was reserved; "" if nothing."""
    if not (isinstance(done, dict) and isinstance(asked, dict)):
        return "a claim is no object"
    if done.get("kind") != asked.get("kind"):
        return "another kind of claim was reserved"
    if done.get("kind") != "dp":
        return ""
    for name in ("unit", "relation"):
        if done.get(name) != asked.get(name):
            return f"another {name} was reserved"
    for name in ("epsilon", "delta"):
        more: Any = done.get(name)
        least: Any = asked.get(name)
        if not (is_finite(more) and is_finite(least) and more <= least * (1 + 1e-12)):
            return f"{name} {more} was committed, and {least} reserved"
    return ""


def reserved_for(receipt: Receipt, others: Sequence[Receipt]) -> tuple[int, str] | None:
    """The reservation that a commit names, and what is wrong with it ("" if nothing).

    None where neither the entry nor another of these receipts carries it.
    """
    payload = receipt.entry.payload
    if receipt.entry.kind != "run.commit" or not isinstance(payload, dict):
        return None
    number, claim = payload.get("reserve"), payload.get("guarantee")
    if not isinstance(number, int) or not isinstance(claim, dict):
        return None
    inside = _asked(payload)
    if inside is not None:
        return number, exceeds(claim, inside)
    for other in others:
        found = other.entry.payload
        if (other.head.ledger, other.entry.seq) == (receipt.head.ledger, number) and found:
            named = other.entry.kind == "run.reserve" and found.get("token") == payload.get("token")
            asked = _asked(found) if named else None
            return number, exceeds(claim, asked) if asked else "that entry is not its reservation"
    return None


def _asked(payload: dict[str, Any]) -> Any:
    request = payload.get("request")
    return request.get("guarantee") if isinstance(request, dict) else None


def _foreign(record: Any) -> str:
    """Why the claim is not one that this release adds up; "" if it is."""
    kind = record.get("kind") if isinstance(record, dict) else None
    if kind != "dp":
        return _NO_EPSILON.get(str(kind), "it is of a kind that this release does not know")
    if set(record) - {"kind", *kinds()["dp"].__dataclass_fields__}:
        return "the claim has fields of another release of privet"
    events = record.get("events", [])
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict):
            known = EVENT_KINDS.get(str(event.get("kind")))
            if known not in _INDEPENDENT:
                return "a release is of a kind that is not composed here"
            if set(event) - {"kind", *known.__dataclass_fields__}:
                return "a release has fields of another release of privet"
    return ""


def _of_releases(claim: DPGuarantee) -> Answer:
    parts, events = claim.delta_split, claim.events
    share = parts.get(_MECHANISM, 0.0) if parts else claim.delta
    others = sorted(set(parts) - {_MECHANISM, _ON_GRID})

    def said(answer: Word, why: str = "", found: float | None = None) -> Answer:
        return Answer(answer, why, claim.epsilon, claim.delta, share, found)

    if any(part < 0 for part in parts.values()):
        return said(FAILS, "a part of delta is out of range")
    if any(event.sampler != _INDEPENDENT[type(event)] for event in events):
        return said(UNKNOWN, "the batches of a release are not independent draws of each unit")
    if not events:
        return said(UNKNOWN, "it names no releases")
    if not all(_NOISE[0] <= event.noise_multiplier <= _NOISE[1] for event in events):
        return said(UNKNOWN, "the noise of a release is beyond the numbers here")
    if parts and _MECHANISM not in parts:
        return said(UNKNOWN, "its delta is split, and no part is that of the releases")
    if share == 0 and others:
        return said(UNKNOWN, "no part of its delta is left for the releases")
    if share == 0:
        return said(FAILS, "without a delta, no Gaussian noise bounds epsilon")
    return _judged(claim, share, others, said)


def _judged(
    claim: DPGuarantee, share: float, others: Sequence[str], said: Callable[..., Answer]
) -> Answer:
    from privet.dp.accounting import epsilon_for, gaussian_delta

    allowed = claim.epsilon + min(TOLERANCE, SHARE * claim.epsilon)
    # Even if all of delta were that of these releases, and nothing were lost to rounding.
    most = min((claim.delta if others else share) + FLOOR, 0.999999)
    more = "the releases that it names spend more than it claims"
    sampled = [event for event in claim.events if getattr(event, "rate", 1) < 1]
    mu = math.sqrt(sum(event.count / event.noise_multiplier**2 for event in claim.events
                       if event not in sampled)) * (2 if claim.relation == "replace-one" else 1)
    if mu > _MOST_MU or any(event.noise_multiplier < _SAMPLED or event.count > _MOST_SAMPLED
                            for event in sampled):
        # What sees every unit spends at least its own part.
        if mu and gaussian_delta(mu, allowed) > most:
            return said(FAILS, more)
        return said(UNKNOWN, "its losses are too great, or its releases too many, for the numbers "
                    "here")
    found = epsilon_for(claim.events, share, claim.relation)
    if found <= allowed:
        return said(HOLDS, "", found)
    if allowed < epsilon_for(claim.events, most, claim.relation):
        return said(FAILS, more, found)
    if others:
        return said(UNKNOWN, f"a part of delta is for {', '.join(others)}, and which releases it "
                    "covers is not recorded", found)
    return said(UNKNOWN, "the difference is within the rounding of so small a delta", found)
