"""How `Private` plans and runs any model that is not linear: DP-SGD."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from privet.claims.events import Event, Gaussian, PoissonGaussian
from privet.claims.guarantees import Relation
from privet.dp import accounting, training
from privet.dp.clipping import check_grid
from privet.dp.gradients import UnitShape, block_for
from privet.dp.sampling import exact_rate
from privet.dp.stochastic_defaults import StochasticSettings, stochastic_settings
from privet.entropy import Stream
from privet.protect.base import Facts, Model, Outcome, Rows, Watch, step
from privet.protect.private_linear import box_of, most_units, private_mean, units_of

if TYPE_CHECKING:
    from privet.protect.private import Private


def plan(
    private: Private, model: Model, facts: Facts, units: int, epsilon: float, delta: float
) -> tuple[dict[str, Any], tuple[Event, ...], dict[str, float]]:
    """Settings, events and the parts of delta.

    Raises:
        InvalidInput, InvalidBudget: what is noised cannot be rounded safely.
    """
    start = model.init(0, facts.features, facts.outputs)
    parameters = training.count_parameters(start)
    settings = stochastic_settings(units=units)
    settings = replace(
        settings,
        rate=exact_rate(private.sampling_rate or settings.rate),
        clip=private.clip or settings.clip,
        steps=private.steps or settings.steps,
        step_size=private.step_size or settings.step_size,
    )
    most = most_units(private.relation, units)
    problem = _problem(model, private.relation, units)
    rows = UnitShape(facts.max_rows, facts.features, whole=facts.classes is not None)
    gradients = problem.gradients(start, rows)
    settings = replace(settings, microbatch=block_for(gradients, settings.rate * units))
    # Fits may differ in rate and steps, and unlike sampled mechanisms do not share a loss
    # distribution equally, so each gets an equal part of epsilon and delta themselves.
    fits = private.fits or 1
    draws = fits * (settings.steps * parameters + facts.features)
    split = accounting.split_delta(epsilon, delta, draws)
    own = epsilon / fits, split[accounting.MECHANISM] / fits
    before = _mean_events(private, model, settings, *own)
    noise = accounting.noise_multiplier_for(
        *own,
        count=settings.steps,
        rate=settings.rate,
        relation=private.relation,
        beside=before,
    )
    training.gradient_bound(gradients, parameters, most, settings, noise)
    for event in before:
        check_grid(size=facts.features, noise_multiplier=event.noise_multiplier, count=most)
    what = "sum of clipped gradients"
    last: Event = Gaussian(noise, fits * settings.steps, what)
    if settings.rate < 1:
        last = PoissonGaussian(noise, fits * settings.steps, what, rate=settings.rate)
    events = (*(replace(event, count=fits) for event in before), last)
    record = {
        "method": "stochastic",
        **asdict(settings),
        "parameters": parameters,
        "noise_multipliers": [event.noise_multiplier for event in events],
    }
    return record, events, split


def _problem(model: Model, relation: Relation, units: int) -> training.Problem:
    return training.Problem(
        model.apply,
        model.loss,
        model.l2,
        normaliser=units,
        most_units=most_units(relation, units),
    )


def _mean_events(
    private: Private, model: Model, settings: StochasticSettings, epsilon: float, delta: float
) -> tuple[Event, ...]:
    """The release of the mean of the features, for models that can undo the centring."""
    if model.shift is None or settings.mean_share == 0:
        return ()
    mu = accounting.mu_for(epsilon, delta, private.relation)
    return (Gaussian(1 / (mu * math.sqrt(settings.mean_share)), 1, "sum of features"),)


def run(
    model: Model, rows: Rows, settings: dict[str, Any], stream: Stream, watch: Watch
) -> Outcome:
    """Train step by step, on features centred by a private mean where the model allows it."""
    facts = rows.facts
    names = StochasticSettings.__dataclass_fields__
    chosen = StochasticSettings(**{name: settings[name] for name in names})
    units, box = units_of(rows, stream), box_of(facts)
    *before, noise_multiplier = settings["noise_multipliers"]
    step(watch, 0, chosen.steps, "private training")
    centre = private_mean(units, box, before[0], settings, stream) if before else None
    if centre is not None:
        units = replace(units, x=units.x - centre)
    seed = model.options.get("seed")
    start = model.init(0 if seed is None else seed, facts.features, facts.outputs)
    params = start
    each = training.train_stochastic(
        units,
        _problem(model, settings["relation"], settings["units"]),
        start,
        settings=chosen,
        noise_multiplier=noise_multiplier,
        stream=stream,
    )
    for done, now in enumerate(each, start=1):
        params = now
        step(watch, done, chosen.steps, "private training")
    if centre is not None and model.shift is not None:
        params = model.shift(params, centre)
    return Outcome(params=params, steps=chosen.steps)
