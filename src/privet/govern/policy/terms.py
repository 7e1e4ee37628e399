"""What a policy says, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

Number = TypeVar("Number", int, float)
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


def strictest(every: Sequence[Terms]) -> Terms:
    """What all of these terms allow, for those who are told of it.

    Its approvers are those of any of them, since each asks for approvals of its own: whether a
    request is allowed is asked under each by itself.
    """
    first, most = every[0], max(every, key=lambda terms: terms.approvals)
    limited = [terms.columns for terms in every if terms.columns is not None]
    return Terms(
        actions=_common([terms.actions for terms in every]),
        purposes={
            name: Purpose(
                epsilon=_least(terms.purposes[name].epsilon for terms in every),
                plain=all(terms.purposes[name].plain for terms in every),
            )
            for name in first.purposes if all(name in terms.purposes for terms in every)
        },
        protections=_common([terms.protections for terms in every]),
        columns=_common(limited) if limited else None,
        epsilon_per_release=_least(terms.epsilon_per_release for terms in every),
        delta_per_release=_least(terms.delta_per_release for terms in every),
        minimum_cohort=max(terms.minimum_cohort for terms in every),
        keep_models_days=_least(terms.keep_models_days for terms in every),
        keep_data_days=_least(terms.keep_data_days for terms in every),
        approvals=most.approvals,
        approvers=tuple(dict.fromkeys(n for t in every if t.approvals for n in t.approvers)),
        approval_days=min(terms.approval_days for terms in every if _asks(terms, most)),
        approval_runs=min(terms.approval_runs for terms in every if _asks(terms, most)),
        reports=tuple(dict.fromkeys(name for terms in every for name in terms.reports)),
    )


def _asks(terms: Terms, most: Terms) -> bool:
    """True if approvals are asked for under these terms, or under none."""
    return bool(terms.approvals) or not most.approvals


def _common(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(word for word in lists[0] if all(word in words for words in lists))


def _least(values: Iterable[Number | None]) -> Number | None:
    return min((value for value in values if value is not None), default=None)


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
