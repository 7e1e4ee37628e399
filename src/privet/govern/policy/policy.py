"""A policy: what the owner of data allows, as one signed text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.claims import Decision, Request
from privet.errors import InvalidInput, Refused
from privet.govern.policy.acts import Act, instant
from privet.govern.policy.case import Case, no
from privet.govern.policy.facts import Facts, collect, data_sets, made_from
from privet.govern.policy.force import ADOPT, adopted_digest, adopted_text, digest_of
from privet.govern.policy.parse import heading, normal, parse
from privet.govern.policy.rules import RULES, approving
from privet.govern.policy.terms import Approver, Content, Terms, strictest

if TYPE_CHECKING:
    from privet.govern.budget.totals import Totals
    from privet.govern.ledger.ledger import Ledger
    from privet.govern.ledger.records import Entry


@dataclass(frozen=True)
class Policy:
    """What is allowed on which data set, and who must approve.

    Formal guarantees:
        - `decide` reads the ledger's entries, the request and this text; no data.
        - It grants only under the very text that is in force: once a policy names its owner's
          key, another follows it only if that key signed it, or two of its approvers.
        - Whoever can write to the ledger under any name can ask under any name: that the person
          who asks does not approve is shown by keys (the approver's always, the requester's
          where requests are signed).
        - An entry that somebody cut out of the database is missed by `privet ledger verify`,
          not here.
    """

    text: str
    content: Content = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read the text of a policy file, strictly.

        Raises:
            InvalidInput: not TOML, an unknown key, or a value that cannot be meant.
        """
        clean = normal(text)
        return cls(clean, parse(clean))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Policy:
        """Read a policy file.

        Raises:
            InvalidInput: it cannot be read, or not understood.
        """
        remedy = "Policy.load('policy.toml')"
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidInput("the policy file is no UTF-8 text", value=str(path),
                               bound="a TOML file", remedy=remedy) from None  # fmt: skip
        except OSError as error:
            raise InvalidInput(f"the policy file cannot be read ({error.strerror})",
                               value=str(path), bound="a readable TOML file",
                               remedy=remedy) from None  # fmt: skip
        return cls.parse(text)

    @classmethod
    def from_ledger(cls, ledger: Ledger) -> Policy | None:
        """The policy that a ledger has adopted last; None if it has adopted none.

        Adoptions that are not signed by whom the policy before them asks for do not count; see
        `privet.govern.policy.force`.

        Raises:
            Refused: the text was redacted.
        """
        found = adopted_text(ledger)
        return None if found is None else cls.parse(found)

    @property
    def digest(self) -> str:
        """SHA-256 of the text, as 64 hex digits."""
        return digest_of(self.text)

    @property
    def owner(self) -> str:
        """Who answers for the data."""
        return self.content.owner

    @property
    def ledger(self) -> str | None:
        """Identity of the only ledger that it is valid with."""
        return self.content.ledger

    @property
    def approvers(self) -> tuple[Approver, ...]:
        """Everybody who may approve something."""
        return self.content.approvers

    def terms(self, data_set: str | None) -> Terms | None:
        """The terms of a data set; None if nothing is allowed on it."""
        return self.content.data_sets.get(data_set or "", self.content.default)

    def to_json(self) -> dict[str, Any]:
        """What it says, as JSON values; the text itself is what is signed."""
        content = self.content
        return {
            "digest": self.digest,
            "owner": content.owner,
            "owner_key": content.owner_key.hex() if content.owner_key else None,
            "ledger": content.ledger,
            "approvers": {person.name: person.public.hex() for person in content.approvers},
            "default": content.default.to_json() if content.default else None,
            "data_sets": {name: terms.to_json() for name, terms in content.data_sets.items()},
        }

    def require_adopted(self, ledger: Ledger) -> None:
        """Check that the ledger has adopted this very text.

        Raises:
            Refused: it has adopted another one, or none; with the command that adopts it.
        """
        found = adopted_digest(ledger)
        if found != self.digest:
            raise Refused("the policy differs from the one that the ledger has adopted",
                          value=self.digest, bound=found or "an adopted policy",
                          remedy=ADOPT)  # fmt: skip

    def decide(
        self,
        request: Request,
        *,
        requester: str,
        ledger: Ledger,
        version: Any = None,
        now: datetime | None = None,
        spent: float | None = None,
    ) -> Decision:
        """Decide about a request from this text and the ledger's entries, before any data is read.

        Args:
            requester: who asks.
            version: of the data set that will be read; by default its newest.
            now: by default the clock's time.
            spent: epsilon that the purpose has spent, where the caller keeps that account; by
                default the ledger's.

        Raises:
            InvalidInput: the request has parameters that are no JSON values.
            Refused: the cached totals of the ledger were changed by another hand.
        """
        return Standing(self, self.case(request, requester=requester, ledger=ledger,
                                        version=version, now=now, spent=spent)
                        ).decision  # fmt: skip

    def standing(
        self,
        request: Request,
        *,
        requester: str,
        ledger: Ledger,
        version: Any = None,
        now: datetime | None = None,
    ) -> Standing:
        """The decision about a request, that can be made again after others have reserved."""
        return Standing(self, self.case(request, requester=requester, ledger=ledger,
                                        version=version, now=now))  # fmt: skip

    def case(
        self,
        request: Request,
        *,
        requester: str,
        ledger: Ledger,
        version: Any = None,
        now: datetime | None = None,
        spent: float | None = None,
    ) -> Case | Decision:
        """The request with all that bears on it; a refusal where the policy has no terms."""
        known = data_sets(ledger)
        each = self._each(request, made_from(request.data_set, known))
        if isinstance(each, Decision):
            return each
        terms = strictest([terms for _, terms in each])
        facts, acts = collect(ledger, request, known=known, requester=requester, terms=terms,
                              version=version, spent=spent)  # fmt: skip
        return Case(request=request, terms=terms, requester=requester, acts=acts, facts=facts,
                    now=now or _now(ledger), each=each)  # fmt: skip

    def _each(
        self, request: Request, ancestors: Sequence[str]
    ) -> tuple[tuple[str, Terms], ...] | Decision:
        """The terms of the data set and of all that it was made from; a refusal where the policy
        says nothing about one of them."""
        found = []
        for name in (request.data_set, *ancestors):
            terms = self.terms(name)
            if terms is None:
                return _no_terms(name)
            found.append((name or "", terms))
        return tuple(found)


@dataclass(frozen=True)
class Standing:
    """A request before a policy, with all that bears on it."""

    policy: Policy
    case: Case | Decision

    @property
    def decision(self) -> Decision:
        """The answer."""
        return self.case if isinstance(self.case, Decision) else judge(self.policy, self.case)

    @property
    def approvals(self) -> tuple[int, ...]:
        """The entries that approve this very job, for the record of the run."""
        if isinstance(self.case, Decision):
            return ()
        return approving(self.policy, self.case)

    def again(self, used: Totals, entries: Iterable[Entry]) -> Standing:
        """The request after others have reserved and released, and written nothing else that
        may turn a grant into a refusal. Reads nothing.

        Args:
            used: the totals since.
            entries: the reservations and releases since.
        """
        case = self.case
        if isinstance(case, Decision):
            return self
        facts = case.facts.after(case.request, case.job, used, entries)
        now = max(case.now, datetime.now(UTC))
        return replace(self, case=replace(case, facts=facts, now=now))


def evaluate(
    policy: Policy,
    request: Request,
    *,
    requester: str,
    approvals: Sequence[Act],
    facts: Facts,
    now: datetime,
) -> Decision:
    """Apply the rules in order; the first refusal is the answer. Pure.

    Args:
        policy: the adopted policy.
        request: what is asked for.
        requester: who asks.
        approvals: signed acts; those that do not count are ignored.
        facts: what the ledger knows.
        now: an aware time.
    """
    each = policy._each(request, facts.made_from)
    if isinstance(each, Decision):
        return each
    case = Case(request=request, terms=strictest([terms for _, terms in each]), each=each,
                requester=requester, acts=tuple(approvals), facts=facts, now=now)  # fmt: skip
    return judge(policy, case)


def judge(policy: Policy, case: Case) -> Decision:
    """The first refusal, or a grant that says under which policy."""
    for rule in RULES:
        refusal = rule(policy, case)
        if refusal is not None:
            return refusal
    return Decision(granted=True, reason=f"allowed by policy {policy.digest[:16]}")


def _no_terms(name: str | None) -> Decision:
    return no(f"the policy says nothing about the data set {name!r}",
              f"{heading(name or 'NAME')}   # in policy.toml, by its owner"
              )  # fmt: skip


def _now(ledger: Ledger) -> datetime:
    """The clock's time, but not before the last entry: a clock set back revives no approval."""
    last = instant(ledger.head().time)
    return max(filter(None, (datetime.now(UTC), last)))
