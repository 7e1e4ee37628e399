"""Typed facts of a ledger, each with the number of the entry that supports it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from privet.claims import Cost, Guarantee
from privet.govern.budget.amounts import Amount
from privet.govern.ledger.records import Entry, Head

T = TypeVar("T")
End = Literal["committed", "released", "forfeited"]


class Record(Protocol):
    """The part of a ledger that is read."""

    @property
    def identity(self) -> str:
        """The ledger's identity."""

    def head(self) -> Head:
        """The newest signed head."""

    def entries(self) -> Iterator[Entry]:
        """All entries, in order."""


@dataclass(frozen=True)
class Fact(Generic[T]):
    """A value, and the number of the entry that says so."""

    value: T
    seq: int


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A registered data set as of its newest version.

    Attributes:
        registered: number of the entry that registered it.
        imported: a transfer registered it: what may be spent here is what was moved here.
        attested: versions that are this set by somebody's word alone: who said so, and why.
    """

    name: str
    registered: int | None = None
    imported: bool = False
    version: Fact[str] | None = None
    rows: Fact[int] | None = None
    units: Fact[int] | None = None
    unit: Fact[str] | None = None
    max_rows: Fact[int] | None = None
    columns: Fact[tuple[str, ...]] | None = None
    owner: Fact[str] | None = None
    parents: Fact[tuple[str, ...]] | None = None
    budget: Fact[dict[str, Any]] | None = None
    purposes: Fact[dict[str, Any]] | None = None
    attested: tuple[Fact[str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One use of data: what was asked, decided, reserved, and how it ended.

    Attributes:
        reserved: entry of the reservation; None if the record does not hold it.
        ended: how it ended and the entry that says so; None if the record does not say.
        decided: entry of the decision that granted the same request.
        guarantee, cost: as committed; None if absent, redacted or of another release.
        figures: numbers recorded with the commit, by name.
        organisation: digest of the organisation file that was adopted when it was reserved.
        approvals: entries that the reservation names as its approvals.
        unreadable: entries whose claim this release cannot read.
    """

    reserved: int | None = None
    ended: Fact[End] | None = None
    decided: int | None = None
    token: str = ""
    action: Fact[str] | None = None
    data_set: Fact[str] | None = None
    version: Fact[str] | None = None
    purpose: Fact[str] | None = None
    requester: Fact[str] | None = None
    parameters: Fact[dict[str, Any]] | None = None
    environment: Fact[dict[str, Any]] | None = None
    organisation: Fact[str] | None = None
    approvals: tuple[int, ...] = ()
    guarantee: Fact[Guarantee] | None = None
    cost: Fact[Cost] | None = None
    figures: Fact[dict[str, Any]] | None = None
    unreadable: tuple[int, ...] = ()

    @property
    def committed(self) -> bool:
        """True if the record says that it finished."""
        return self.ended is not None and self.ended.value == "committed"

    @property
    def seqs(self) -> tuple[int, ...]:
        """The entries that it rests on."""
        own = (self.decided, self.reserved, self.ended.seq if self.ended else None)
        return tuple(seq for seq in own if seq is not None)


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What one run takes from one budget.

    Attributes:
        holder: the data set whose budget it is: that of the run, or an ancestor.
        source: the data set that the run is on.
        reserved: entry of the reservation.
        ended: how the run ended; None while it holds what it reserved.
    """

    holder: str
    source: str
    purpose: str
    amount: Amount
    reserved: int
    ended: Fact[End] | None = None

    @property
    def seqs(self) -> tuple[int, ...]:
        """The entries that say so."""
        return (self.reserved,) if self.ended is None else (self.reserved, self.ended.seq)


@dataclass(frozen=True, kw_only=True)
class Move:
    """What an entry adds to the limit of a budget, or takes from it.

    Attributes:
        kind: "out" or "in" by a transfer between ledgers; "adopt" for what its owner gave up.
        purpose: the cap that changes; "" for the budget as a whole.
        amount: always counted up.
        closes: nothing can be spent here any more.
    """

    seq: int
    kind: Literal["out", "in", "adopt"]
    holder: str
    purpose: str
    amount: Amount
    closes: bool = False


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """An answer of the policy, or a step of an approval.

    Attributes:
        kind: "granted" or "refused" by the policy; "request", "grant", "deny", "revoke".
        by: requester, or id of the key that signed.
        signer: the approver whose signature was verified; None where none was.
    """

    seq: int
    kind: str
    data_set: str | None = None
    purpose: str = ""
    by: str = ""
    reason: str = ""
    expires: str = ""
    signer: str | None = None


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A document about a data set that exists, written here or elsewhere.

    Attributes:
        kind: of `policy.terms.REPORTS`.
        data_set: "" for one about the whole ledger.
        title: "" for one that was written here.
        date: of the document, ISO 8601.
        by: who signed it off; "" where nobody did.
        sha256: of the file, in hex; "" where the entry does not say.
    """

    seq: int
    kind: str
    data_set: str
    title: str
    date: str
    by: str
    sha256: str

    @classmethod
    def of(cls, seq: int, time: str, body: dict[str, Any]) -> Paper:
        """What an entry says of a document; what it does not say is empty."""

        def text(name: str) -> str:
            value = body.get(name)
            return value if isinstance(value, str) else ""

        return cls(seq=seq, kind=text("format"), data_set=text("data_set"), title=text("title"),
                   date=text("date") or time[:10], by=text("by"), sha256=text("sha256"))


@dataclass(frozen=True, kw_only=True)
class Source:
    """An entry as reports show it."""

    seq: int
    time: str
    kind: str
    commitment: str
    redacted: bool
