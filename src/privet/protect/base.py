"""The contract that every protection keeps: `fit(model, rows) -> Result(model, guarantee, cost)`.

A protection never sees files, schemas or estimators. It gets a `Model` (pure functions), `Rows`
(encoded numbers, by owner) whose `Facts` are public, a `Watch` for progress and cancellation,
and a `Steward`. `fit` is one fixed sequence for all of them:

    1. plan    guarantee and expected cost, from public facts alone; refuses what cannot work
    2. decide, reserve, admit   through the steward; then fits beyond those that the budget was
               given for are refused, and the reservation goes back
    3. read, run   the only steps that look at private cells; whatever fails here is spent
    4. commit  through the steward, with what was measured

so that nothing is spent on a request which text and schema already rule out, and nothing runs
that was not reserved.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from privet.claims import Cost, Guarantee, NullSteward, Request, Sight, Steward, spending
from privet.data.types import BoundsClaim
from privet.errors import Cancelled
from privet.protect.memory import PeakMemory

Array = np.ndarray[Any, Any]
Params = Any
"""A pytree of arrays."""


@dataclass(frozen=True)
class Model:
    """A model as pure functions of its parameters.

    Attributes:
        name: what tables call it.
        init: (seed, features, outputs) -> params. Must not depend on data.
        apply: (params, x) -> scores; x is one encoded row, (d,), scores is (outputs,).
        loss: (scores, y) -> the loss of ONE example; y is a class number or a scaled target.
        encoding: "scaled" (numbers in [-1, 1], one-hot categories) or "bins" (one-hot of both).
        linear: params are {"w": (d, outputs), "b": (outputs,)} and scores are x @ w + b. Such
            models admit faster and more accurate private training.
        l2: strength of the quadratic penalty, per fit (as 1/C in scikit-learn).
        trainer: "convex" (deterministic full-batch optimiser) or "stochastic".
        options: further public settings of the trainer (steps, batch, step size ...).
        tag: JSON-compatible facts that rebuild the model when it is loaded.
        shift: (params, m) -> params' with apply(params', x) = apply(params, x - m), so that a
            model trained on centred features needs no centring afterwards; None if unknown.
    """

    name: str
    init: Callable[[int, int, int], Params]
    apply: Callable[[Params, Any], Any]
    loss: Callable[[Any, Any], Any]
    encoding: str = "scaled"
    linear: bool = False
    l2: float = 0.0
    trainer: str = "convex"
    options: dict[str, Any] = field(default_factory=dict)
    tag: dict[str, Any] = field(default_factory=dict)
    shift: Callable[[Params, Array], Params] | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is public about the rows: everything a plan may depend on.

    Attributes:
        rows: number of rows n.
        features: number of encoded columns d.
        outputs: scores per row: classes (1 for two classes), or targets of a regression.
        classes: number of classes; None for regression.
        low, high: (d,) bounds of the encoded columns from the schema; None if undeclared.
        norm: greatest Euclidean norm of one encoded row; None if undeclared.
        target_range: (low, high) of a scaled regression target; None if undeclared.
        unit: "row" or the name of the id column.
        units: number of privacy units (equals rows if the unit is a row).
        max_rows: most rows one unit may contribute.
        bounds_from: where the bounds came from ("domain", "dp"; "data" is not public).
        owners: names of the data owners, one unless the data are federated.
        data_set: registered name, if any.
        columns: names of the source's columns that are read, target included; empty if unknown.
        missing: names of what the schema does not declare, as a person would write them.
        bounds_claim: what finding the bounds privately has spent on the same rows.
        declared: the schema as a request shows it; see `privet.data.declared`.
        adjusted: public settings beside schema and model that weigh the rows, by name.
        withheld: in words, what the run depends on and a request must not show.
        provenance: sentences on the origin of bounds and classes, for the guarantee.
    """

    rows: int
    features: int
    outputs: int
    classes: int | None
    low: Array | None = None
    high: Array | None = None
    norm: float | None = None
    target_range: tuple[float, float] | None = None
    unit: str = "row"
    units: int = 0
    max_rows: int = 1
    bounds_from: str = "domain"
    owners: tuple[str, ...] = ("owner",)
    data_set: str | None = None
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    provenance: tuple[str, ...] = ()
    bounds_claim: BoundsClaim | None = None
    declared: dict[str, Any] = field(default_factory=dict)
    adjusted: dict[str, Any] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Private rows of all owners, encoded.

    Attributes:
        x: (n, d) float64.
        y: (n,) class numbers 0..K-1 (int64), or scaled targets (float64).
        unit: (n,) number of each row's privacy unit, 0..units-1; None if a row is a unit.
        weight: (n,) sample weights; None for all ones.
        owner: (n,) index into `facts.owners`; None for a single owner.
        facts: what is public about them.
    """

    x: Array
    y: Array
    facts: Facts
    unit: Array | None = None
    weight: Array | None = None
    owner: Array | None = None


@dataclass(frozen=True)
class Unread:
    """Rows that nobody has looked at yet.

    Reading decides what an error says and whether there is one, so it belongs behind the
    reservation: refusals that depend on cells would otherwise be answers free of charge.

    Attributes:
        facts: what is public about the rows.
        read: gives the rows; called once, after their use was granted.
    """

    facts: Facts
    read: Callable[[], Rows]

    def then(self, change: Callable[[Rows], Rows]) -> Unread:
        """The same, with one more step of reading."""
        return Unread(self.facts, lambda: change(self.read()))

    def telling(
        self, *, adjusted: dict[str, Any] | None = None, withheld: tuple[str, ...] = ()
    ) -> Unread:
        """The same, saying more of what the run will depend on."""
        facts = self.facts
        said = replace(facts, adjusted={**facts.adjusted, **(adjusted or {})},
                       withheld=(*facts.withheld, *withheld))
        return Unread(said, self.read)


class Watch(Protocol):
    """Someone who looks on: gets progress, may stop the run."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Hear that `done` of `total` steps of `what` are finished."""

    def cancelled(self) -> bool:
        """Say whether to stop at the next step."""


class Unwatched:
    """Nobody looks on."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Ignore."""

    def cancelled(self) -> bool:
        """Never stop."""
        return False


def step(watch: Watch, done: int, total: int, what: str) -> None:
    """Report progress, and stop if asked to.

    Raises:
        Cancelled: the watcher wants the run to end.
    """
    if watch.cancelled():
        raise Cancelled(f"stopped at step {done} of {total} of {what}")
    watch.progress(done, total, what)


@dataclass(frozen=True)
class Plan:
    """What a run will guarantee and is expected to cost, known before it runs.

    Attributes:
        guarantee: the claim, as it will stand if the run succeeds.
        cost: the expected cost, marked as an estimate.
        settings: the protection's own decisions (noise, steps ...), public, JSON-compatible.
    """

    guarantee: Guarantee
    cost: Cost
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A trained model with what is guaranteed about it and what it cost.

    Attributes:
        model: the model that was trained.
        params: its parameters, NumPy arrays in a pytree.
        guarantee: the claim.
        cost: what was measured.
        notes: sentences a person should read ("fell back to ...").
        steps: optimiser steps taken; see `Outcome`.
        entry: the ledger's name for the entry of this run; "" where nothing was recorded.
    """

    model: Model
    params: Params
    guarantee: Guarantee
    cost: Cost
    notes: tuple[str, ...] = ()
    steps: int = 1
    entry: str = ""


@dataclass(frozen=True)
class Outcome:
    """What `Protection.run` hands back: parameters, and whatever it alone can measure.

    `steps` becomes `n_iter_`. Where `exact_timing` is False it must be the planned number, not
    one at which the rows made the run stop.
    """

    params: Params
    bytes_sent: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    depth: int = 0
    notes: tuple[str, ...] = ()
    steps: int = 1


class Protection(ABC):
    """How a computation is run. Subclasses are frozen dataclasses of public settings."""

    name: ClassVar[str]
    """One word, as `--protect` takes it."""
    in_the_clear: ClassVar[bool] = False
    """True where whoever gets the model may learn anything of the rows."""
    exact_timing: ClassVar[bool] = True
    """False where exact seconds and bytes would be an un-noised function of private rows."""

    @property
    def label(self) -> str:
        """What tables and plots call it, settings included."""
        return self.name

    def admit(self, model: Model) -> None:  # noqa: B027  # a hook: most protections cover any number of fits
        """Say whether this budget covers one more fit, of this model; count it if so.

        Raises:
            Refused: it does not.
        """

    @abstractmethod
    def plan(self, model: Model, facts: Facts) -> Plan:
        """Guarantee, expected cost and settings, from public facts alone.

        Raises:
            InvalidInput, Refused: the request cannot be met; nothing was read or spent.
        """

    @abstractmethod
    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        """Train. The only method that reads private rows."""

    @abstractmethod
    def sights(self) -> tuple[Sight, ...]:
        """Who sees what: the rows of the diagram."""

    def fit(
        self,
        model: Model,
        rows: Rows | Unread,
        *,
        steward: Steward | None = None,
        watch: Watch | None = None,
        purpose: str = "",
    ) -> Result:
        """Plan, decide, reserve, read, run, commit.

        Raises:
            Refused: the policy or the budget says no; nothing was read.
            DataError: the rows are not what the schema says; what was reserved is spent.
            Cancelled: the watcher stopped the run; what was reserved is spent.
        """
        from privet.protect.asked import arguments, asked

        steward = steward or NullSteward()
        plan = self.plan(model, rows.facts)
        request = Request(
            action="fit",
            data_set=rows.facts.data_set,
            guarantee=plan.guarantee,
            purpose=purpose,
            parameters=asked(
                model,
                rows.facts,
                **plan.settings,
                protection=self.label,
                arguments=arguments(self),
            ),
        )
        with spending(steward, request) as spend:
            self.admit(model)
            spend.touch()
            held = rows.read() if isinstance(rows, Unread) else rows
            started = time.perf_counter()
            with PeakMemory() as memory:
                outcome = self.run(model, held, plan, watch or Unwatched())
            cost = Cost(
                seconds=time.perf_counter() - started,
                peak_memory=memory.peak,
                bytes_sent=outcome.bytes_sent,
                rounds=outcome.rounds,
                depth=outcome.depth,
            )
            if not self.exact_timing:
                cost = cost.coarse()
            receipt = spend.commit(plan.guarantee, cost)
        guarantee = replace(plan.guarantee, recorded=receipt.recorded)
        return Result(model, outcome.params, guarantee, cost, outcome.notes, outcome.steps,
                      receipt.entry)
