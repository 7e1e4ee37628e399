"""What a policy says, as frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

ACTIONS = ("fit", "query", "perturb", "compare", "schema", "predict")
PROTECTIONS = ("private", "local", "federated", "shared", "encrypted")
REPORTED = "report"
"""Kind of the entries that say that a report exists."""
WRITTEN = ("card", "ropa")
"""Reports that are written from a ledger."""
RECORDED = {
    "dpia": "data-protection impact assessment",
    "lia": "legitimate-interests assessment",
    "tia": "transfer impact assessment",
    "ethics": "vote of an ethics committee",
}
"""Reports that people write elsewhere and sign off, in words."""
REPORTS = (*WRITTEN, *RECORDED)


@dataclass(frozen=True)
class Approver:
    """A person who may approve, and the raw Ed25519 public key (32 bytes) to sign with."""

    name: str
    public: bytes


@dataclass(frozen=True)
class Purpose:
    """What a purpose may be used for.

    Attributes:
        epsilon: the most that all releases for it may add up to, by simple addition; None
            leaves that to the budget.
        plain: runs without protection are allowed for it.
    """

    epsilon: float | None = None
    plain: bool = False


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is allowed on one data set.

    Attributes:
        actions: of `ACTIONS`.
        purposes: the allowed ones, by their exact words.
        protections: of `PROTECTIONS`, or stacks of them joined with "+", sorted.
        columns: those that may be used; None for all.
        epsilon_per_release, delta_per_release: the most of one release; None where no allowed
            protection has one.
        minimum_cohort: privacy units that the data set must have.
        keep_models_days, keep_data_days: retention; None without a limit.
        approvals: how many people must approve: 0, 1 or 2.
        approvers: the names of those who may.
        approval_days: the longest that an approval is valid.
        approval_runs: how many runs an approval is good for.
        reports: which must exist first, of `REPORTS`.
    """

    actions: tuple[str, ...]
    purposes: dict[str, Purpose]
    protections: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    epsilon_per_release: float | None = None
    delta_per_release: float | None = None
    minimum_cohort: int = 0
    keep_models_days: int | None = None
    keep_data_days: int | None = None
    approvals: int = 0
    approvers: tuple[str, ...] = ()
    approval_days: int = 30
    approval_runs: int = 1
    reports: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, kw_only=True)
class Content:
    """A policy file, read.

    Attributes:
        owner: who answers for the data.
        owner_key: raw Ed25519 public key (32 bytes) that signs the policy that follows this one,
            and the organisation file.
        ledger: identity of the only ledger that it is valid with; None for any.
        approvers: everybody who may approve something.
        default: the terms of data sets that have none of their own; None allows nothing there.
        data_sets: terms by the data set's name.
    """

    owner: str
    owner_key: bytes | None = None
    ledger: str | None = None
    approvers: tuple[Approver, ...] = ()
    default: Terms | None = None
    data_sets: dict[str, Terms] = field(default_factory=dict)
