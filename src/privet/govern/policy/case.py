"""One request before a policy, and under whose terms each rule is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING

from privet.claims import Decision, Request
from privet.govern.policy.acts import Act
from privet.govern.policy.facts import Facts
from privet.govern.policy.job import job_digest
from privet.govern.policy.parse import heading
from privet.govern.policy.terms import Terms

if TYPE_CHECKING:
    from privet.govern.policy.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request before the policy.

    Attributes:
        terms: those under which it is asked; of a derived set, what all in `each` allow.
        under: the set whose terms they are; None for the set itself.
        each: of a derived set, its own terms and those of all that it was made from, by name.
    """

    request: Request
    terms: Terms
    requester: str
    acts: tuple[Act, ...]
    facts: Facts
    now: datetime
    under: str | None = None
    each: tuple[tuple[str, Terms], ...] = ()

    @property
    def job(self) -> str:
        """Digest of the request, with the data set's version."""
        return job_digest(self.request, version=self.facts.version)

    @property
    def place(self) -> str:
        """The line of the file under which the data set's own terms stand."""
        return heading(self.under or self.request.data_set or "NAME")


def no(reason: str, remedy: str | None) -> Decision:
    """A refusal."""
    return Decision(granted=False, reason=reason, remedy=remedy)


Rule = Callable[["Policy", Case], Decision | None]


def everywhere(rule: Rule) -> Rule:
    """A rule that must allow a request under the terms of its data set, and under those of all
    that the set was made from; a refusal says under whose it is one."""

    @wraps(rule)
    def asked(policy: Policy, case: Case) -> Decision | None:
        for name, terms in case.each:
            refusal = rule(policy, replace(case, terms=terms, under=name, each=()))
            if refusal is not None and name != case.request.data_set:
                return replace(refusal, reason=f"{refusal.reason} (a rule of {name!r}, from which "
                                               f"{case.request.data_set!r} was made)")
            if refusal is not None:
                return refusal
        return None if case.each else rule(policy, case)

    return asked
