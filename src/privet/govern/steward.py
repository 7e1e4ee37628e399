"""The steward of registered data sets: decides, reserves and records through a ledger."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import import_module, metadata
from typing import Any

from privet.claims import (
    Cost,
    Decision,
    Guarantee,
    Receipt,
    Request,
    Reservation,
    from_json,
    to_json,
)
from privet.entropy import secret_stream
from privet.errors import OutOfBudget, PrivetError, Refused
from privet.govern.budget.charges import (
    COMMIT,
    FORFEIT,
    RELEASE,
    Spend,
    charges_of,
    spend_of,
)
from privet.govern.budget.filters import protected
from privet.govern.budget.pins import Pin, check_pin
from privet.govern.budget.registry import Registry
from privet.govern.budget.relatives import (
    charged,
    overlapping,
    recognise,
    register_line,
    strangers,
)
from privet.govern.budget.sets import View
from privet.govern.budget.spend import Approvals, decide, reserve, reserved, settle
from privet.govern.budget.traces import Traces
from privet.govern.consent import Consent, Policy, unruled
from privet.govern.ledger import Ledger
from privet.govern.policy.adoption import organisation_digest
from privet.govern.policy.job import PRIVATELY, SHOWN_ONLY
from privet.govern.policy.policy import Policy as Adopted

PACKAGES = ("jax", "jaxlib", "numpy", "dp-accounting", "cryptography", "sqlalchemy")


class LedgerSteward:
    """Keeps the budgets of registered data sets; what is not registered is not recorded.

    Safe for threads and processes.

    Formal guarantees:
        - A reservation is written before it is handed out, in one transaction with the check
          that it fits: processes that race cannot overspend, and a run that is killed has spent
          what it reserved.
        - Only `release` gives budget back; a committed run never gives back a part of its own,
          since how much it needed may depend on rows.
        - Times play no part in any decision.
        - The policy that the ledger has adopted decides, whoever builds the steward. Where it has
          adopted none, every claim that the budget covers is allowed, and nothing without one
          but a comparison and predictions, for the eyes of whoever may see the rows.
        - It governs who goes through it. Whoever reads the raw file can bypass it.

    Args:
        requester: who asks, as the ledger shall name them.
        environment: what runs, for the entries; by default this Python and its packages.
        pins: by data set, the head that its owner has seen; see `check_pin`.
        after: called with the ledger after each reservation and each ending, to remember its head.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        requester: str = "",
        environment: Mapping[str, Any] | None = None,
        pins: Mapping[str, Pin] | None = None,
        after: Callable[[Ledger], object] | None = None,
    ) -> None:
        self.ledger = ledger
        self.registry = Registry(ledger)
        self._requester = requester
        self._environment = dict(environment or this_environment())
        self._pins = dict(pins or {})
        self._after = after
        self._seen: dict[str, str] = {}
        self._known: tuple[bytes, Policy | None] = (b"", None)

    def admit(
        self, traces: Traces | None, version: str | None, *, name: str | None = None
    ) -> str | None:
        """The name under which a source is used: its registered one, or None.

        Content decides. A registered set that has grown or changed keeps its name and spends its
        budget, whatever the source is called.

        Args:
            name: what the caller calls it: it chooses among sets of exactly this content, and
                is believed of a set of whose units nothing is known.

        Raises:
            Refused: it is no registered set, but shares units with one; it is called by a
                registered name and shares none with that set; or it also holds units of a set
                whose budget would not be spent.
        """
        view = self.registry.view()
        match = recognise(view, traces, version)
        known = name is not None and name in view.sets
        if match.kind == "unknown":
            if not known:
                return None
            assert name is not None
            if view.sets[name].sketches and traces and traces.unit_of(view.sets[name]):
                raise Refused(f"this source shares no unit with the registered {name!r}",
                              remedy=register_line(f"{name}-2", []))
            chosen: str | None = name
        else:
            chosen = charged(view, match, name)
        if chosen is None or strangers(view, chosen, traces):
            shared = [*(overlapping(view, traces) or match.names)]
            raise Refused(
                "this source is not registered, and shares units with registered data sets",
                value=", ".join(shared),
                bound="a registered data set, or one that shares nothing with others",
                remedy=register_line(f"{name}-2" if known else name or "NAME", shared),
            )
        if version is not None:
            self._seen[chosen] = version
        return chosen

    def version_of(self, name: str) -> str:
        """The version of a registered set that was admitted, else the newest."""
        return self._version(self.registry.view(), name)

    # The four steps of `claims.Steward`

    def decide(self, request: Request) -> Decision:
        """Say whether the request is allowed, and write the answer into the ledger."""
        view = self.registry.view()
        if request.data_set not in view.sets:
            return Decision(granted=True, reason="no registered data set: nothing is recorded")
        decision = self._decision(view, request)
        self._record(view, request, decision)
        return decision

    def reserve(self, request: Request) -> Reservation:
        """Set the budget aside atomically, for the set and all its ancestors.

        Raises:
            OutOfBudget: too little is left; the message says what would fit, and the refusal is
                written into the ledger.
            Refused: the claim cannot be counted, or promises nothing; or the policy does not
                allow it any more, after what others have written since it was decided.
        """
        view = self.registry.view()
        if request.data_set not in view.sets:
            return Reservation(request=request)
        spend = self._spend(view, request)
        token = secret_stream("privet reservation").read(16).hex()
        payload = {
            "token": token,
            "request": self._plain(view, request),
            "requester": self._requester,
            **self._texts(),
            "environment": self._environment,
            "unprotected": _promises_nothing(request),
        }
        try:
            approvals = self._consent(view, request)
            entry = reserve(self.ledger, view, spend, request.guarantee, payload, approvals)
        except (OutOfBudget, Refused) as error:
            self._record(view, request, Decision(granted=False, reason=error.problem))
            raise
        self._remember()
        return Reservation(request=request, token=token,
                           entry=f"{self.ledger.identity}/{entry.seq}",
                           spends=any(spend.charges.values()))

    def release(self, reservation: Reservation) -> None:
        """Give back a reservation whose run failed before the first private row was read.

        Raises:
            Refused: it is not open any more.
        """
        if reservation.token:
            settle(self.ledger, reservation.token, RELEASE, {})
            self._remember()

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        """Record that a run failed after it may have read private rows: all of it is spent.

        Raises:
            Refused: it is not open any more.
        """
        if reservation.token:
            settle(self.ledger, reservation.token, FORFEIT, {"reason": reason})
            self._remember()

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        """Record what was done. What was reserved is spent, even where less was needed.

        Raises:
            Refused: the run did more than was reserved for it, so that its result must not
                leave; or the reservation is not open any more.
        """
        if not reservation.token:
            return Receipt(recorded=False)
        self._check_covered(reservation.token, guarantee)
        entry = settle(self.ledger, reservation.token, COMMIT, {
            "guarantee": to_json(replace(guarantee, recorded=True)),
            "cost": to_json(cost),
        })
        self._remember()
        return Receipt(recorded=True, entry=f"{self.ledger.identity}/{entry.seq}")

    # Parts

    def _remember(self) -> None:
        if self._after is not None:
            self._after(self.ledger)

    def _record(self, view: View, request: Request, decision: Decision) -> None:
        decide(self.ledger, {
            "request": self._plain(view, request),
            "requester": self._requester,
            "granted": decision.granted,
            "reason": decision.reason,
            **self._texts(),
        })

    def _texts(self) -> dict[str, str | None]:
        """Digests of the texts that count now: the policy, and the organisation file."""
        try:
            policy = self._policy()
        except Refused:  # redacted: nobody can say which text counts
            policy = None
        return {"policy": None if policy is None else policy.digest,
                "organisation": organisation_digest(self.ledger)}

    def _policy(self) -> Policy | None:
        """The policy in force, read again once the ledger has grown; None where there is none.

        Raises:
            Refused: it was redacted, so that nobody can say what it allows.
        """
        chain = self.ledger.tip().chain
        if self._known[0] != chain:
            self._known = chain, Adopted.from_ledger(self.ledger)
        return self._known[1]

    def _decision(self, view: View, request: Request) -> Decision:
        try:
            self._spend(view, request)
            policy = self._policy()
        except PrivetError as error:
            return Decision(granted=False, reason=error.problem, remedy=error.remedy)
        if policy is None:
            return Decision(granted=True, reason="the budget counts it, and no policy says more")
        assert request.data_set is not None
        return policy.decide(
            request, requester=self._requester, ledger=self.ledger,
            version=self._version(view, request.data_set),
        )

    def _spend(self, view: View, request: Request) -> Spend:
        """What the request would take, if it may be asked at all."""
        name = request.data_set
        assert name is not None
        if name in self._pins:
            check_pin(self.ledger, name, self._pins[name])
        if _promises_nothing(request):
            self._check_plain(request)
        return charges_of(view, name, request.guarantee, request.purpose)

    def _check_plain(self, request: Request) -> None:
        """Without a claim that limits what is revealed, only a policy can allow it."""
        if self._policy() is None:
            raise Refused(
                f"the data set {request.data_set!r} has a budget, and this run promises nothing "
                "about what its result reveals",
                value=request.guarantee.headline(),
                remedy=PRIVATELY.get(request.action, "protect=pv.Private(epsilon=1.0)   # or a "
                                     "policy that allows training in the clear"),
            )

    def _check_covered(self, token: str, guarantee: Guarantee) -> None:
        entry = reserved(self.ledger, token)
        plan, payload = spend_of(entry), entry.payload
        assert payload is not None
        done = charges_of(self.registry.view(), plan.name, guarantee, plan.purpose)
        more = any(not cost.within(plan.charges[name]) for name, cost in done.charges.items())
        claimed = protected(from_json(payload["request"]["guarantee"]))
        if more or (claimed and not protected(guarantee)):
            raise Refused(
                "the run claims less privacy than was reserved for it, so its result must not "
                "leave; what was reserved is spent",
                value=guarantee.headline(),
                bound=f"within entry {entry.seq}",
            )

    def _plain(self, view: View, request: Request) -> dict[str, Any]:
        assert request.data_set is not None
        return {
            "action": request.action,
            "data_set": request.data_set,
            "version": self._version(view, request.data_set),
            "purpose": request.purpose,
            "guarantee": to_json(request.guarantee),
            "parameters": request.parameters,
        }

    def _version(self, view: View, name: str) -> str:
        """The version that was admitted, else the newest that is registered."""
        return self._seen.get(name, view.sets[name].version)

    def _consent(self, view: View, request: Request) -> Approvals:
        """What gives the approvals in the reserving transaction; none where no policy is asked."""
        held = unruled(self.ledger)  # before the policy is read, so that none falls between
        policy = self._policy()
        if policy is None:
            return held
        assert request.data_set is not None
        return Consent(policy, self.ledger, request, requester=self._requester,
                       version=self._version(view, request.data_set)).held


def _promises_nothing(request: Request) -> bool:
    """True for what would let something of the rows out without a claim that limits it."""
    return request.action not in SHOWN_ONLY and not protected(request.guarantee)


@lru_cache(maxsize=1)
def this_environment() -> dict[str, Any]:
    """The releases of privet, Python and the packages that results depend on."""
    return {
        "privet": _own_release(),
        "python": platform.python_version(),
        "packages": {name: _release(name) for name in PACKAGES},
        "code": None,
    }


def _own_release() -> str:
    # Run from its source, the package has no metadata; loaded late, since it stands above.
    found = _release("privet")
    return str(import_module("privet").__version__) if found == "absent" else found


def _release(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
