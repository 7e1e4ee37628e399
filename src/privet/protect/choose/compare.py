"""Fit one model under several protections on the same random splits, and score them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from privet.claims import (
    Cost,
    DPGuarantee,
    Guarantee,
    NoGuarantee,
    NullSteward,
    Request,
    Steward,
    spending,
)
from privet.data.types import BoundsClaim, Target
from privet.errors import Cancelled, InvalidInput, PrivetError, Refused, fraction, whole
from privet.protect.asked import arguments, asked
from privet.protect.base import (
    Array,
    Facts,
    Model,
    Protection,
    Result,
    Rows,
    Unread,
    Unwatched,
    Watch,
    step,
)
from privet.protect.choose import score
from privet.protect.choose.comparison import Comparison, Entry, refused
from privet.protect.choose.made import call, made_with
from privet.protect.choose.release import central, composed, release_line
from privet.protect.choose.splits import Split, splits_of, training_facts, training_rows

if TYPE_CHECKING:
    from privet.data import Dataset


def compare(
    data: Dataset,
    model: Model,
    protections: Sequence[Protection],
    *,
    seeds: int = 5,
    test_size: float = 0.25,
    watch: Watch | None = None,
    steward: Steward | None = None,
    purpose: str = "",
) -> Comparison:
    """Compare protections on the same data, model and splits.

    The data are encoded once, by the schema alone. Each of `seeds` random splits holds out
    `test_size` of the rows: stratified by class, or by privacy unit where a unit has several
    rows. Every protection trains on the same rows of a split and is scored on the same rest.
    A protection that refuses becomes a line with its reason.

    Args:
        data: rows with a schema that names the target.
        model: what to train.
        protections: how; at least one.
        seeds: number of splits; fewer than two give no interval and no recommendation.
        test_size: share of the rows held out, in (0, 1).
        watch: hears of len(protections) * seeds steps, and may stop the run.
        steward: who grants and records that the rows are used; asked once, for all fits
            together and without a guarantee, since the figures have none. None for nobody.
        purpose: why, for the steward.

    Raises:
        PrivetError: every protection refused (their own error if there is only one).
        Refused: the steward says no.
        DataError: the data are too small to split, or the target is constant.
        Cancelled: the watcher stopped the run.

    # Formal guarantees
    * None for the comparison: its scores are exact functions of private rows, for the curator
      only. `Comparison.release` says so, with what its private fits compose to.
    """
    from privet.protect.rows import unread

    target = data.schema.target
    if target is None:
        raise InvalidInput(
            "the schema names no target to predict",
            remedy='data = pv.read("data.csv", schema="schema.toml", target="outcome")',
        )
    private = any(not protection.in_the_clear for protection in protections)
    return compare_rows(
        unread(data, model, private=private),
        model,
        protections,
        target=target,
        name=data.name or "data",
        seeds=seeds,
        test_size=test_size,
        watch=watch,
        steward=steward,
        purpose=purpose,
    )


def compare_rows(
    rows: Rows | Unread,
    model: Model,
    protections: Sequence[Protection],
    *,
    target: Target,
    name: str,
    seeds: int = 5,
    test_size: float = 0.25,
    watch: Watch | None = None,
    steward: Steward | None = None,
    purpose: str = "",
) -> Comparison:
    """`compare` on rows that are encoded already, or will be once their use is granted."""
    if not protections:
        raise InvalidInput("nothing to compare", remedy="protections=[pv.Plain()]")
    numbers = tuple(range(whole(seeds=seeds)))
    fraction(test_size=test_size)
    runs = [_Run(label, p) for label, p in labelled(protections)]
    # Whoever trains on all rows later is held to their number, so all of it must do.
    _plan_all(runs, model, [training_facts(rows.facts, test_size), rows.facts])
    request = Request(
        action="compare",
        data_set=rows.facts.data_set,
        guarantee=NoGuarantee(
            assumptions=("the figures are for the curator's eyes and are not released",),
        ),
        purpose=purpose,
        parameters=asked(
            model,
            rows.facts,
            protections=[run.label for run in runs],
            arguments=[arguments(run.protection) for run in runs],
            seeds=len(numbers),
            test_size=test_size,
        ),
    )
    with spending(steward or NullSteward(), request) as spend:
        spend.touch()
        started = time.perf_counter()
        held = rows.read() if isinstance(rows, Unread) else rows
        splits = splits_of(held, target, seeds=numbers, test_size=test_size)
        baselines = _run_all(runs, model, held, splits, target, watch or Unwatched())
        _refuse_if_all(runs)
        cost = Cost(seconds=time.perf_counter() - started)
        spend.commit(request.guarantee, cost)
    sizes = len(splits[0].train), len(splits[0].test)
    release, epsilon, delta = _release(runs, test_size, held.facts.bounds_claim)
    return Comparison(
        data=name,
        target=target.name,
        model=model.name,
        classes=None if target.classes is None else len(target.classes),
        rows=len(held.y),
        features=held.facts.features,
        unit=held.facts.unit,
        test_size=test_size,
        seeds=numbers,
        train_rows=sizes[0],
        test_rows=sizes[1],
        baselines=_scores(baselines, sizes),
        entries=tuple(run.entry(sizes) for run in runs),
        release=release,
        release_epsilon=epsilon,
        release_delta=delta,
        made=made_with()
        | {"call": call(model, protections, seeds=len(numbers), test_size=test_size)},
    )


@dataclass
class _Run:
    """One protection on its way through the splits."""

    label: str
    protection: Protection
    figures: list[dict[str, float]] = field(default_factory=list)
    results: list[tuple[Guarantee, Cost, tuple[str, ...]]] = field(default_factory=list)
    error: PrivetError | None = None

    def entry(self, sizes: tuple[int, int]) -> Entry:
        if self.error is not None:
            return refused(self.label, self.protection.name, self.error)
        guarantees, costs, notes = zip(*self.results, strict=True)
        return Entry(
            label=self.label,
            name=self.protection.name,
            guarantee=_weakest(guarantees),
            scores=_scores(self.figures, sizes),
            cost=_typical(costs),
            notes=tuple(dict.fromkeys(note for each in notes for note in each)),
        )


def labelled(protections: Sequence[Protection]) -> list[tuple[str, Protection]]:
    """Labels made unique, since tables and recommendations refer to lines by them."""
    seen: dict[str, int] = {}
    out = []
    for protection in protections:
        label = protection.label
        seen[label] = seen.get(label, 0) + 1
        out.append((label if seen[label] == 1 else f"{label} ({seen[label]})", protection))
    return out


def _plan_all(runs: list[_Run], model: Model, facts: Sequence[Facts]) -> None:
    """Find out who refuses before anything is read; stop if all do."""
    for run in runs:
        try:
            for each in facts:
                run.protection.plan(model, each)
        except PrivetError as error:
            run.error = error
    _refuse_if_all(runs)


def _refuse_if_all(runs: list[_Run]) -> None:
    errors = [run.error for run in runs if run.error is not None]
    if len(errors) < len(runs):
        return
    if len({str(error) for error in errors}) == 1:
        raise errors[0]
    reasons = "; ".join(f"{run.label}: {run.error.problem}" for run in runs if run.error)
    remedy = next((error.remedy for error in errors if error.remedy), None)
    raise Refused(f"every protection refused: {reasons}", remedy=remedy)


class Inner:
    """Passes a watcher's wish to stop on to a fit, whose own steps it does not show."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def progress(self, done: int, total: int, what: str) -> None:
        """Ignore: a comparison counts fits."""

    def cancelled(self) -> bool:
        return self._watch.cancelled()


def _run_all(
    runs: list[_Run],
    model: Model,
    rows: Rows,
    splits: list[Split],
    target: Target,
    watch: Watch,
) -> list[dict[str, float]]:
    baselines = []
    done, total = 0, len(runs) * len(splits)
    for number, split in enumerate(splits, start=1):
        train = training_rows(rows, split)
        scored = _weighty(rows, split.test)
        x, y = rows.x[scored], rows.y[scored]
        baselines.append(score.baseline(rows.y[_weighty(rows, split.train)], y, target))
        for run in runs:
            step(watch, done, total, f"split {number} of {len(splits)}: {run.label}")
            done += 1
            if run.error is not None:
                continue
            try:
                result = run.protection.fit(
                    model, train, watch=Inner(watch), purpose="compare protections"
                )
                run.results.append((result.guarantee, result.cost, result.notes))
                run.figures.append(_figures(result, x, y, target))
            except Cancelled:
                raise
            except PrivetError as error:
                run.error = error
    step(watch, total, total, "all splits")
    return baselines


def _weighty(rows: Rows, index: Array) -> Array:
    """Those of the rows that no missing value dropped; only they can be scored."""
    return index if rows.weight is None else index[rows.weight[index] > 0]


def _figures(result: Result, x: Array, y: Array, target: Target) -> dict[str, float]:
    scores = score.predictions(result, x)
    if target.classes is None:
        return score.regression(y, scores[:, 0], target)
    return score.classification(y, scores, len(target.classes))


def _scores(figures: list[dict[str, float]], sizes: tuple[int, int]) -> dict[str, score.Score]:
    """Gather each metric over the splits; a metric missing on any split is left out."""
    out = {}
    for metric in score.METRICS:
        values = tuple(each[metric] for each in figures if metric in each)
        if values and len(values) == len(figures):
            half = score.half_width(values, train_rows=sizes[0], test_rows=sizes[1])
            out[metric] = score.Score(metric, values, half)
    return out


def _weakest(guarantees: Sequence[Guarantee]) -> Guarantee:
    """The claim that holds for every split: deltas differ where splits differ in units."""
    found = [(part, whole) for whole in guarantees if (part := central(whole)) is not None]
    if not found:
        return guarantees[0]
    return max(found, key=lambda pair: (pair[0].epsilon, pair[0].delta))[1]


def _typical(costs: Sequence[Cost]) -> Cost:
    """Median seconds (the first fit also compiles), and the greatest of everything else."""
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    peaks = [cost.peak_memory for cost in costs if cost.peak_memory is not None]
    roles = dict.fromkeys(role for cost in costs for role in cost.bytes_sent)
    return replace(
        costs[0],
        seconds=statistics.median_high(seconds) if seconds else None,
        peak_memory=max(peaks) if peaks else None,
        bytes_sent={role: max(cost.bytes_sent.get(role, 0) for cost in costs) for role in roles},
        rounds=max(cost.rounds for cost in costs),
        depth=max(cost.depth for cost in costs),
    )


def _release(
    runs: list[_Run], test_size: float, before: BoundsClaim | None
) -> tuple[str, float | None, float | None]:
    """The honesty line; fits of a protection that refused midway count as well."""
    made = [guarantee for run in runs for guarantee, _, _ in run.results]
    claims: list[DPGuarantee] = []
    for guarantee in made:
        claim = central(guarantee)
        if claim is not None and claim.secret_noise:
            claims.append(claim)
    pair = composed(claims, before)
    line = release_line(claims, pair, test_size=test_size, unprotected=len(claims) < len(made))
    return (line, *pair) if pair is not None else (line, None, None)
