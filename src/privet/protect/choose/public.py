"""A comparison that may be released: private fits, and noisy scores of them, under one budget.

What leaves is, per protection, one noisy score over all privacy units, each scored by a model
that was trained without it; and the score of a guess, from noisy counts. No time, no memory and
no interval over splits is in it. The argument: proofs/released-comparison.md.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from privet.claims import Cost, DPGuarantee, Guarantee, NullSteward, Request, Steward, spending
from privet.data.types import Target
from privet.dp import accounting, mechanisms
from privet.entropy import Stream, reproducible_stream, secret_stream
from privet.errors import InvalidInput, Refused, positive, whole
from privet.protect.asked import arguments, asked
from privet.protect.base import (
    Array,
    Facts,
    Model,
    Protection,
    Unread,
    Unwatched,
    Watch,
    step,
)
from privet.protect.choose import charge as charging
from privet.protect.choose import folds as folding
from privet.protect.choose import tally
from privet.protect.choose.compare import Inner, labelled
from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.made import call, made_with
from privet.protect.choose.score import Score, own_unit

if TYPE_CHECKING:
    from privet.data import Dataset

INTERVAL = 1.959963984540054
"""Deviations of a normal distribution that hold 95% of it either way."""


def compare_publicly(
    data: Dataset,
    model: Model,
    protections: Sequence[Protection],
    *,
    epsilon: float,
    delta: float | None = None,
    seeds: int = 5,
    watch: Watch | None = None,
    steward: Steward | None = None,
    purpose: str = "",
    insecure_seed: int | None = None,
) -> Comparison:
    """Compare private protections so that the comparison may be released.

    Each protection trains once per fold, on the units outside it, and is scored on those inside:
    the share of rows that it gets right (a unit with several rows counts once), or for a number
    its mean absolute error. All scores are released together, with Gaussian noise.

    Args:
        data: rows with a schema that names the target.
        model: what to train.
        protections: how; each with a central guarantee under zero-out.
        epsilon: for everything together: the fits, at what each claims alone, and the scores,
            which get what is left. What exceeds 16 is not used.
        delta: for everything together, below 1 / units; 1 / units^1.1 if not given.
        seeds: how many folds the units are cut into, at least 2. A unit is in one fewer fits.
        watch: hears of len(protections) * seeds steps, and may stop the run.
        steward: who grants and records; charged once, for everything.
        purpose: why, for the steward.
        insecure_seed: makes the noise on the scores reproducible, for tests and teaching. Then
            the guarantee says that it protects from nobody who knows the seed.

    Raises:
        Refused: a protection cannot be released, or the steward says no.
        InvalidBudget: epsilon is too little for these fits; the message says what is enough.
        MissingBounds, DataError: the schema or the data do not do.
        Cancelled: the watcher stopped the run; what was reserved is spent.

    # Formal guarantees
    * Against everyone but the curator, the comparison satisfies its `guarantee`, which the
      steward is charged before a row is read. The number of units is public.
    * Not covered: how long the run takes.
    """
    from privet.protect.rows import unread

    target = data.schema.required_target()
    rows = unread(data, model, private=True)
    plan = _plan(rows.facts, model, target, protections, epsilon, delta, seeds,
                 secret=insecure_seed is None)
    request = Request(
        action="compare",
        data_set=rows.facts.data_set,
        guarantee=plan.charge.guarantee,
        purpose=purpose,
        parameters=asked(
            model,
            rows.facts,
            protections=list(plan.labels),
            arguments=[arguments(protection) for protection in protections],
            seeds=plan.folds,
            released=True,
            **({} if insecure_seed is None else {"insecure_seed": insecure_seed}),
        ),
    )
    stream = _stream(insecure_seed)
    with spending(steward or NullSteward(), request) as spend:
        spend.touch()
        started = time.perf_counter()
        noisy = _released(plan, rows, model, protections, stream, watch or Unwatched())
        cost = Cost(seconds=time.perf_counter() - started).coarse()
        receipt = spend.commit(request.guarantee, cost)
    settings = {"seeds": plan.folds, "release": epsilon}
    settings |= {} if delta is None else {"delta": delta}
    return _comparison(plan, noisy, data.name or "data", model, recorded=receipt.recorded,
                       made=made_with() | {"call": call(model, protections, **settings)})


@dataclass(frozen=True)
class _Plan:
    """Everything about a released comparison that is public before a row is read."""

    facts: Facts
    training: Facts
    target: Target
    folds: int
    labels: tuple[str, ...]
    names: tuple[str, ...]
    guarantees: tuple[Guarantee, ...]
    charge: charging.Charge

    @property
    def units(self) -> int:
        return self.facts.units or self.facts.rows


def _plan(
    facts: Facts,
    model: Model,
    target: Target,
    protections: Sequence[Protection],
    epsilon: float,
    delta: float | None,
    seeds: int,
    *,
    secret: bool,
) -> _Plan:
    """Find out, from public facts alone, what everything costs and whether it fits."""
    if not protections:
        raise InvalidInput("nothing to compare", remedy="protections=[pv.Private(epsilon=1.0)]")
    epsilon = positive(epsilon=epsilon, remedy="release=3.0")
    folds = whole(least=2, seeds=seeds, remedy="seeds=5")
    training = folding.training_facts(facts, folds)
    units = facts.units or facts.rows
    named = labelled(protections)
    for label, protection in named:
        _require_single(label, protection)
    plans = [protection.plan(model, training) for _, protection in named]
    claims = [
        charging.check(label, plan.guarantee, facts)
        for (label, _), plan in zip(named, plans, strict=True)
    ]
    shape = charging.Tally(
        size=len(named) + tally.cells(target),
        sensitivity=tally.sensitivity(len(named), target),
        units=units,
    )
    delta = accounting.default_delta(units) if delta is None else delta
    return _Plan(
        facts=facts,
        training=training,
        target=target,
        folds=folds,
        labels=tuple(label for label, _ in named),
        names=tuple(protection.name for _, protection in named),
        guarantees=tuple(plan.guarantee for plan in plans),
        charge=charging.charge(
            claims, facts, shape, times=folds - 1, epsilon=epsilon, delta=delta, secret=secret
        ),
    )


def _require_single(label: str, protection: Protection) -> None:
    """Refuse a budget that counts its fits itself: it would run out halfway, all spent."""
    if getattr(protection, "fits", None) is not None:
        raise Refused(
            "here each fit is a claim of its own, and one protection counts its fits itself",
            value=label,
            bound="a protection without fits=",
            remedy="pv.Private(epsilon=1.0)",
        )


def _stream(seed: int | None) -> Stream:
    if seed is None:
        return secret_stream("released comparison")
    return reproducible_stream(seed, "released comparison")


def _released(
    plan: _Plan,
    rows: Unread,
    model: Model,
    protections: Sequence[Protection],
    stream: Stream,
    watch: Watch,
) -> Array:
    """The noisy sum: all that leaves of the rows."""
    held = rows.read()
    merit = np.zeros((len(held.y), len(protections)))
    done, total = 0, len(protections) * plan.folds
    for number, fold in enumerate(folding.folds_of(plan.units, plan.folds), start=1):
        train = folding.training_rows(held, fold, plan.training)
        test = folding.rows_of_units(held, fold.test)
        for column, protection in enumerate(protections):
            label = plan.labels[column]
            step(watch, done, total, f"split {number} of {plan.folds}: {label}")
            done += 1
            result = protection.fit(model, train, watch=Inner(watch), purpose="compare protections")
            if replace(result.guarantee, recorded=False) != plan.guarantees[column]:
                raise Refused(f"{label} did not keep to its plan, so nothing is released")
            merit[test, column] = tally.merits(result, held.x[test], held.y[test], plan.target)
    step(watch, total, total, "all splits")
    summed = tally.contributions(merit, held, plan.target).sum(axis=0)
    return mechanisms.release(summed, scale=plan.charge.scale, stream=stream)


def _comparison(
    plan: _Plan, noisy: Array, name: str, model: Model, *, recorded: bool, made: dict[str, str]
) -> Comparison:
    """Read the noisy sum; nothing else of the rows is at hand here."""
    target, facts = plan.target, plan.facts
    found = tally.estimates(noisy, protections=len(plan.labels), units=plan.units,
                            scale=plan.charge.scale, target=target)
    guarantee = replace(plan.charge.guarantee, recorded=recorded)
    half = INTERVAL * found.deviation
    entries = tuple(
        Entry(label=label, name=kind, guarantee=replace(claim, recorded=recorded),
              scores={found.metric: Score(found.metric, (value,), half)})
        for label, kind, claim, value in zip(
            plan.labels, plan.names, plan.guarantees, found.values, strict=True
        )
    )  # fmt: skip
    guess = Score(found.metric, (found.baseline,), INTERVAL * found.baseline_deviation)
    return Comparison(
        data=name,
        target=target.name,
        model=model.name,
        classes=None if target.classes is None else len(target.classes),
        rows=facts.rows,
        features=facts.features,
        unit=facts.unit,
        test_size=1 / plan.folds,
        seeds=tuple(range(plan.folds)),
        train_rows=plan.training.rows,
        test_rows=facts.rows - plan.training.rows,
        baselines={found.metric: guess},
        entries=entries,
        release=_line(guarantee, found.deviation),
        release_epsilon=guarantee.epsilon,
        release_delta=guarantee.delta,
        guarantee=guarantee,
        span=1.0 if target.classes is not None else 2 * own_unit(target),
        made=made,
    )


def _line(guarantee: DPGuarantee, deviation: float) -> str:
    """What was released, at what price, in three sentences."""
    may = "These figures may be released" if guarantee.secret_noise else (
        "These figures must not be released, as their noise can be made again from a seed"
    )
    kept = "charged to the ledger" if guarantee.recorded else "not recorded in a ledger"
    return (
        f"{may}. Everything here together, the training behind it included, is "
        f"{guarantee.headline()}; {kept}. Each score has Gaussian noise of standard deviation "
        f"{deviation:.2g}."
    )
