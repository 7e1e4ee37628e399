"""Claims, sets and policies for tests of budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from privet.claims import Cost, Decision, DPGuarantee, Gaussian, NoGuarantee, Request
from privet.govern.budget import Budget, Registry, Sketch, Traces, hash_keys, key_name
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward

KEY = bytes(range(32))
COST = Cost(seconds=1.0)


def claim(
    epsilon: float = 1.0,
    delta: float = 1e-7,
    *,
    unit: str = "row",
    relation: Any = "zero-out",
    secret: bool = True,
) -> DPGuarantee:
    """A claim of some accountant that names no releases."""
    return DPGuarantee(epsilon=epsilon, delta=delta, unit=unit, relation=relation,
                       accountant="by hand", secret_noise=secret)


def gaussian_claim(
    noise: float, *, count: int = 1, relation: Any = "zero-out", rest: float = 0.0, **more: Any
) -> DPGuarantee:
    """A claim of Gaussians on every unit; its epsilon plays no part in the filter."""
    delta = 1e-7
    split = {"mechanism": delta} | ({"noise on a grid": rest} if rest else {})
    given = {"events": (Gaussian(noise, count),), "delta_split": split} | more
    return DPGuarantee(epsilon=5.0, delta=delta + rest, unit="row", relation=relation,
                       accountant="by hand", **given)


def fit(data_set: str | None, guarantee: Any = None, *, action: str = "fit", purpose: str = ""
        ) -> Request:
    """A request."""
    return Request(action=action, data_set=data_set, guarantee=guarantee or claim(),
                   purpose=purpose)


PLAIN = NoGuarantee()


def ids(start: int, stop: int) -> list[bytes]:
    """Ids of persons."""
    return [b"person %d" % number for number in range(start, stop)]


def traces(ledger: Ledger, start: int, stop: int, version: str = "new") -> Traces:
    """What is seen of these persons, rows each, under the ledger's keys."""
    found: list[Traces] = []
    for key in hash_keys(ledger):
        sketch = Sketch.of(key, ids(start, stop))
        found.append(Traces(key_name(key), {"row": sketch}))
    return replace(found[0], before=(version, found[1])) if len(found) > 1 else found[0]


def registered(ledger: Ledger, name: str = "patients", **facts: Any) -> Registry:
    """A registry with one set in it."""
    registry = Registry(ledger)
    given = {"unit": "row", "budget": Budget(3.0, 1e-5), "version": f"{name} 1"} | facts
    registry.register(name, **given)
    return registry


class Says:
    """A policy that gives one answer, and remembers what it was asked, and what came after."""

    digest = "d" * 64
    approvals = (1,)

    def __init__(self, granted: bool, reason: str = "so it is") -> None:
        self.answer = Decision(granted=granted, reason=reason)
        self.asked: list[tuple[Request, str, Any]] = []
        self.since: list[tuple[Any, list[Any]]] = []

    def decide(
        self, request: Request, *, requester: str, ledger: Ledger, version: Any = None
    ) -> Decision:
        self.asked.append((request, requester, version))
        return self.answer

    def standing(
        self, request: Request, *, requester: str, ledger: Ledger, version: Any = None
    ) -> Says:
        self.decide(request, requester=requester, ledger=ledger, version=version)
        return self

    @property
    def decision(self) -> Decision:
        return self.answer

    def again(self, used: Any, entries: Any) -> Says:
        self.since.append((used, list(entries)))
        return self


class Obeying(LedgerSteward):
    """A steward that obeys the policy it is given, whatever its ledger has adopted."""

    def __init__(self, ledger: Ledger, says: Any, **options: Any) -> None:
        super().__init__(ledger, **options)
        self.says = says

    def _policy(self) -> Any:
        return self.says
