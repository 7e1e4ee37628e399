"""Central differential privacy: a trusted curator trains, the model is what leaves."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from privet.claims import Cost, DPGuarantee, Sight
from privet.claims.events import Event
from privet.claims.guarantees import RELATIONS, Relation
from privet.data.types import BoundsClaim
from privet.dp import accounting
from privet.entropy import Stream, reproducible_stream, secret_stream
from privet.errors import InvalidBudget, Refused, fraction, one_of, positive, whole
from privet.protect.base import Facts, Model, Outcome, Plan, Protection, Rows, Watch
from privet.protect.bounds import require_bounds
from privet.protect.fits import FitCount


@dataclass(frozen=True)
class Private(Protection):
    """Train so that the released model is (epsilon, delta)-differentially private.

    Args:
        epsilon: the privacy budget, above 0. What exceeds 16 is not used: the guarantee then
            says 16, where noise hardly matters any more.
        delta: chance that the bound fails; 1 / units^1.1 if not given. Must be below 1 / units.
        relation: which data sets count as neighbours. "zero-out" (one unit replaced by
            nothing, the number of units public), "replace-one" (by any other unit; costs twice
            the noise) or "add-remove" (the number of units is secret; `expected_units` needed).
        insecure_seed: makes noise reproducible, for tests and teaching. The guarantee then says
            that it protects from nobody who knows the seed.
        clip: greatest norm of one unit's gradient; a default of public facts if not given.
        steps: number of training steps; a default of public facts if not given.
        step_size: length of a step; a default of public facts if not given.
        sampling_rate: chance with which each unit takes part in a step of a model that is not
            linear; a default of public facts if not given. Linear models use every unit.
        expected_units: a public guess at the number of units, under "add-remove".
        fits: None: each fit is a claim of its own, and fits of clones (as `GridSearchCV`,
            `cross_val_score` and other meta-estimators make them) are refused, since each would
            spend epsilon anew in silence. A number N: epsilon and delta cover N fits TOGETHER,
            clones included; every fit gets the noise of N-fold composition, and fit N + 1 is
            refused. They are counted in one process: n_jobs=1, or threads.

    Formal guarantees: against everyone but the curator, who must be trusted, the parameters
    returned by `fit` satisfy the `DPGuarantee` of the result. Bounds and classes come from the
    schema; where the schema has none, or has them from the data, `plan` refuses. Exact run time
    is not covered: costs are reported rounded up to 1, 2 or 5 times a power of ten. With `fits`,
    all the models trained are covered together. A score on private rows, and so the choice that
    a search makes by it, is not: keep both to the curator.

    Raises:
        InvalidBudget: epsilon or delta cannot be guaranteed.
    """

    name: ClassVar[str] = "private"
    exact_timing: ClassVar[bool] = False

    epsilon: float
    delta: float | None = None
    relation: Relation = field(default="zero-out", kw_only=True)
    insecure_seed: int | None = field(default=None, kw_only=True)
    clip: float | None = field(default=None, kw_only=True)
    steps: int | None = field(default=None, kw_only=True)
    step_size: float | None = field(default=None, kw_only=True)
    sampling_rate: float | None = field(default=None, kw_only=True)
    expected_units: int | None = field(default=None, kw_only=True)
    fits: int | None = field(default=None, kw_only=True)
    # Arguments, so that dataclasses.replace hands them on: a changed copy is no fresh budget.
    _count: FitCount = field(default_factory=FitCount, kw_only=True, repr=False, compare=False)
    _cloned: bool = field(default=False, kw_only=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        for setting in fields(self):
            # A saved model writes them as JSON, which knows no numbers of NumPy.
            value = getattr(self, setting.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, setting.name, value.item())
        positive(epsilon=self.epsilon, remedy="pv.Private(epsilon=1.0)")
        if self.delta is not None:
            fraction(delta=self.delta, remedy="pv.Private(epsilon=1.0, delta=1e-6)")
        one_of(RELATIONS, relation=self.relation, remedy='relation="zero-out"')
        if self.clip is not None:
            positive(clip=self.clip)
        if self.steps is not None:
            whole(steps=self.steps)
        if self.step_size is not None:
            positive(step_size=self.step_size)
        if self.sampling_rate is not None and self.sampling_rate != 1:
            fraction(sampling_rate=self.sampling_rate, remedy="sampling_rate=0.1")
        if self.expected_units is not None:
            whole(expected_units=self.expected_units)
        if self.fits is not None:
            whole(fits=self.fits, remedy="pv.Private(epsilon=1.0, delta=1e-5, fits=10)")
            if self.delta is None:
                raise InvalidBudget(
                    "one budget for several fits needs one delta: the default differs from fit to "
                    "fit with the number of units",
                    value=None,
                    bound="0 < delta < 1 over the units of the smallest fit",
                    remedy=f"pv.Private(epsilon={self.epsilon:g}, delta=1e-5, fits={self.fits})",
                )

    def __sklearn_clone__(self) -> Private:
        """The same budget, marked: scikit-learn clones what it is about to fit repeatedly."""
        clone = copy(self)
        object.__setattr__(clone, "_cloned", True)
        return clone

    def admit(self, model: Model) -> None:
        """Refuse fits of clones, unless `fits` covers them; count what it covers.

        Raises:
            Refused: the estimator is a clone and `fits` is not given.
            OutOfBudget: `fits` fits were counted already.
            Refused: an earlier fit under `fits` was of the other kind, linear or not.
        """
        if self.fits is not None:
            self._count.take(self.fits, "linear" if model.linear else "sampled")
        elif self._cloned:
            raise Refused(
                "a search or cross-validation fits clones, and each would spend epsilon anew",
                value=self.label,
                bound="a budget that covers all its fits together",
                remedy=f"pv.Private(epsilon={self.epsilon:g}, delta=1e-5, fits=N)   "
                "# N: folds x candidates, and 1 for the refit",
            )

    @property
    def label(self) -> str:
        """For example "private eps=1"."""
        covered = "" if self.fits is None else f" for {self.fits} fits"
        return f"{self.name} eps={self.epsilon:g}{covered}"

    def plan(self, model: Model, facts: Facts) -> Plan:
        """Guarantee, expected cost and settings, from public facts alone.

        Raises:
            MissingBounds: the schema gives no bounds, or took them from the data.
            InvalidBudget: delta is not below 1 / units, or the budget allows no training.
            Refused: add-remove without `expected_units`.
        """
        require_bounds(facts)
        units = self._public_units(facts)
        delta = self._delta(facts, units)
        epsilon = min(self.epsilon, accounting.LARGEST)
        settings, events, split = _method(model).plan(self, model, facts, units, epsilon, delta)
        return Plan(
            guarantee=self._guarantee(facts, epsilon, delta, events, split),
            cost=Cost(seconds=_guess_seconds(model, facts, settings), estimated=True),
            settings={"units": units, "delta": delta, "relation": self.relation, **settings},
        )

    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        """Train under the plan. What is returned is noised; nothing else of the rows is."""
        outcome: Outcome = _method(model).run(model, rows, plan.settings, self._stream(), watch)
        return outcome

    def sights(self) -> tuple[Sight, ...]:
        """The curator sees the rows, everyone else the noised model."""
        return (
            Sight("curator", "all rows in the clear, on its own machine", protected=False),
            Sight("whoever gets the model", "parameters with calibrated noise", protected=True),
            Sight("whoever asks for predictions", "functions of those parameters", protected=True),
        )

    def _delta(self, facts: Facts, units: int) -> float:
        """The delta of this fit alone: what is left beside that of privately found bounds."""
        before = facts.bounds_claim
        if before is None:
            delta = accounting.default_delta(units) if self.delta is None else self.delta
            accounting.check_budget(self.epsilon, delta, units)
            return delta
        if (before.unit, before.relation) != (facts.unit, self.relation):
            raise Refused(
                "the bounds were found under another unit or relation, so the claims do not add up",
                value=f"{before.unit}, {before.relation}",
                bound=f"{facts.unit}, {self.relation}",
                remedy='bounds known from the field, with bounds_from = "domain"',
            )
        delta = accounting.default_delta(units) - before.delta if self.delta is None else self.delta
        accounting.check_budget(self.epsilon, delta, units)
        accounting.check_budget(self.epsilon + before.epsilon, delta + before.delta, units)
        return delta

    def _public_units(self, facts: Facts) -> int:
        if self.relation != "add-remove":
            return facts.units or facts.rows
        if self.expected_units is None:
            raise Refused(
                "under add-remove the number of units is secret, so no step may divide by it",
                bound="a public expected_units",
                remedy='pv.Private(epsilon=1.0, relation="add-remove", expected_units=1000)',
            )
        return self.expected_units

    def _stream(self) -> Stream:
        if self.insecure_seed is None:
            return secret_stream("private-training")
        return reproducible_stream(self.insecure_seed, "private-training")

    def _guarantee(
        self,
        facts: Facts,
        epsilon: float,
        delta: float,
        events: tuple[Event, ...],
        split: dict[str, float],
    ) -> DPGuarantee:
        before = facts.bounds_claim
        if before is not None:
            # The same rows paid for the bounds: sequential composition (Dwork & Roth 2014, 3.16).
            epsilon, delta = epsilon + before.epsilon, delta + before.delta
            split = {**split, "bounds": before.delta}
        releases = () if before is None else before.releases
        return DPGuarantee(
            epsilon=epsilon,
            delta=delta,
            unit=facts.unit,
            relation=self.relation,
            accountant=accounting.accountant_name(),
            events=(*releases, *events),
            delta_split=split,
            secret_noise=self.insecure_seed is None,
            provenance=(f"bounds from {facts.bounds_from}", *facts.provenance),
            sights=self.sights(),
            assumptions=self._assumptions(facts),
            checks=(*_checks(events, split[accounting.MECHANISM], self.relation), *_added(before)),
        )

    def _assumptions(self, facts: Facts) -> tuple[str, ...]:
        lines = [
            "the curator who runs the training is trusted and keeps the rows to itself",
            _origin(facts),
            "how long the run takes, to the millisecond, is not observed",
        ]
        if self.relation == "add-remove":
            lines.append(
                f"the public guess of {self.expected_units} units was not taken from the rows, "
                f"and at most 64 times as many are present"
            )
        else:
            lines.append(
                "the number of privacy units is public, as counted after the schema's rules for "
                "missing values"
            )
        if self.fits is not None:
            lines.append(
                f"epsilon and delta cover {self.fits} fits together; scores on private rows, and "
                "a choice among models made by them, are not released"
            )
        if facts.unit != "row":
            lines.append(
                f"all rows of one person carry one value of {facts.unit!r}; of each unit at most "
                f"{facts.max_rows} rows are used"
            )
        else:
            lines.append("one person contributes one row")
        return tuple(lines)


def _checks(events: tuple[Event, ...], delta: float, relation: str) -> tuple[str, ...]:
    built = ", ".join(map(repr, events))
    return (
        "from privet.dp.accounting import epsilon_for; "
        "from privet.claims import Gaussian, PoissonGaussian; "
        f"epsilon_for([{built}], {delta!r}, {relation!r})",
        "the noise multiplier of an event is its deviation over the most that one unit adds",
    )


def _method(model: Model) -> Any:
    """The module that plans and runs the model: linear ones on all units, others by sampling."""
    from privet.protect import private_linear, private_stochastic

    return private_linear if model.linear else private_stochastic


def _origin(facts: Facts) -> str:
    if facts.bounds_from != "dp":
        return "bounds, categories and classes of the schema were not taken from these rows"
    known = "categories and classes of the schema were not taken from these rows; bounds were "
    if facts.bounds_claim is None:
        return known + "found by a private release that this claim does not include"
    return known + "found by the private release that this claim includes"


def _added(before: BoundsClaim | None) -> tuple[str, ...]:
    if before is None:
        return ()
    return (f"the bounds add epsilon {before.epsilon:g} and delta {before.delta:.3g}",)


def _guess_seconds(model: Model, facts: Facts, settings: dict[str, Any]) -> float:
    """A rough plan: compiling takes a second, a core does 2e9 operations in another."""
    rows = max(facts.rows, 1)
    parameters = settings.get("parameters", facts.features * facts.outputs)
    work = 6.0 * rows * settings.get("rate", 1.0) * parameters * settings["steps"]
    return float(1.5 + work / 2e9)
