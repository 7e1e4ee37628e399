"""How `Private` plans and runs linear models: a private mean, then full-batch descent."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.claims.events import Gaussian
from privet.dp import accounting, linear
from privet.dp.clipping import check_grid
from privet.dp.linear_defaults import (
    LinearSettings,
    counted_penalty,
    linear_settings,
    loss_kind,
)
from privet.dp.sampling import gather
from privet.entropy import Stream
from privet.errors import InvalidInput
from privet.protect.base import Facts, Model, Outcome, Rows, Watch, step

if TYPE_CHECKING:
    from privet.protect.private import Private

LARGEST_NOISE = 2**28
"""Noise values that are drawn before the first step, at most: 2 GiB."""
MOST = 64
"""Under add-remove, how many times the expected number of units may be present."""


def plan(
    private: Private, model: Model, facts: Facts, units: int, epsilon: float, delta: float
) -> tuple[dict[str, Any], tuple[Gaussian, ...], dict[str, float]]:
    """Settings, events and the parts of delta.

    Raises:
        InvalidInput: a sampling rate was asked for, or too many steps.
        InvalidBudget: the noise cannot be rounded safely.
    """
    if private.sampling_rate not in (None, 1):
        raise InvalidInput(
            "linear models are trained on every unit in each step, which is more accurate",
            value=private.sampling_rate,
            bound="sampling_rate=None",
            remedy="pv.Private(epsilon=1.0)",
        )
    box = box_of(facts)
    # mu^2 adds up over Gaussian releases, so each of the fits takes an equal part of it.
    fits = private.fits or 1
    guess = accounting.mu_for(epsilon, delta, private.relation) / math.sqrt(fits)
    settings = linear_settings(
        units=units,
        features=facts.features,
        outputs=facts.outputs,
        classes=facts.classes,
        mu=guess,
    )
    settings = replace(
        settings,
        clip=private.clip or settings.clip,
        steps=private.steps or settings.steps,
    )
    if private.step_size is not None:
        # A step that the user gave is kept.
        settings = replace(settings, step_size=private.step_size, growth=1.0, shrinkage=1.0)
    draws_of_a_step = (facts.features + 1) * facts.outputs
    if settings.steps * draws_of_a_step > LARGEST_NOISE:
        raise InvalidInput(
            "so many steps of so large a model need more noise than fits into memory",
            value=settings.steps,
            bound=f"steps <= {LARGEST_NOISE // draws_of_a_step}",
            remedy="steps=None   # the default",
        )
    draws = fits * (settings.steps * draws_of_a_step + facts.features)
    split = accounting.split_delta(epsilon, delta, draws)
    mu = accounting.mu_for(epsilon, split[accounting.MECHANISM], private.relation) / math.sqrt(fits)
    noise = math.sqrt(settings.steps / (1 - settings.mean_share)) / mu
    events = [Gaussian(noise, settings.steps * fits, what="sum of clipped gradients")]
    share = settings.mean_share
    if share > 0:
        mean = Gaussian(1 / (mu * math.sqrt(share)), fits, what="sum of features")
        events.insert(0, mean)
    most = most_units(private.relation, units)
    for event, size in ((events[0], facts.features), (events[-1], draws_of_a_step)):
        check_grid(size=size, noise_multiplier=event.noise_multiplier, count=most)
    record = {
        "method": "linear",
        **asdict(settings),
        "penalty": counted_penalty(
            model.l2,
            kind=loss_kind(outputs=facts.outputs, classes=facts.classes),
            norm=box.norm,
            mu=guess,
        ),
        "noise_multipliers": [event.noise_multiplier for event in events],
    }
    return record, tuple(events), split


def run(
    model: Model, rows: Rows, settings: dict[str, Any], stream: Stream, watch: Watch
) -> Outcome:
    """Release the mean, then train."""
    from privet.dp.mechanisms import gaussian_noise

    facts = rows.facts
    box = box_of(facts)
    names = LinearSettings.__dataclass_fields__
    chosen = LinearSettings(**{name: settings[name] for name in names})
    units = units_of(rows, stream)
    step(watch, 0, 2, "private training")
    *before, noise_multiplier = settings["noise_multipliers"]
    public = settings["units"]
    most = most_units(settings["relation"], public)
    centre = private_mean(units, box, before[0], settings, stream) if before else box.origin
    step(watch, 1, 2, "private training")
    noise = gaussian_noise(
        (chosen.steps, facts.features + 1, facts.outputs),
        scale=chosen.clip * noise_multiplier,
        stream=stream.child("gradients"),
    )
    params = linear.train_linear(
        units,
        model.loss,
        outputs=facts.outputs,
        centre=centre,
        settings=chosen,
        noise=noise,
        noise_multiplier=noise_multiplier,
        normaliser=public,
        l2=settings["penalty"],
        most_units=most,
    )
    step(watch, 2, 2, "private training")
    return Outcome(params=params, steps=chosen.steps)


def most_units(relation: str, units: int) -> int:
    """Public upper bound on the units present; `units` is a guess where their number is secret."""
    return MOST * units if relation == "add-remove" else units


def private_mean(
    units: linear.Units,
    box: linear.Box,
    noise_multiplier: float,
    settings: dict[str, Any],
    stream: Stream,
) -> np.ndarray[Any, Any]:
    """(d,) the mean of the units' rows, released with Gaussian noise and kept in the box."""
    from privet.dp.mechanisms import release

    public = settings["units"]
    most = most_units(settings["relation"], public)
    check_grid(size=len(box.low), noise_multiplier=noise_multiplier, count=most)
    total = release(
        linear.mean_sum(units, box, most_units=most),
        scale=box.radius * noise_multiplier,
        stream=stream.child("mean"),
    )
    centre: np.ndarray[Any, Any] = np.clip(box.origin + total / public, box.low, box.high)
    return centre


def units_of(rows: Rows, stream: Stream) -> linear.Units:
    """The rows gathered by privacy unit, at most `max_rows` of each, inside their bounds."""
    facts = rows.facts
    if facts.low is None or facts.norm is None:
        raise InvalidInput("a plan without bounds cannot run", bound="Private.plan first")
    gathered = gather(
        rows.x,
        rows.y,
        unit=rows.unit,
        weight=rows.weight,
        units=facts.units or facts.rows,
        max_rows=facts.max_rows,
        stream=stream.child("rows of a unit"),
    )
    return linear.inside(gathered, box_of(facts))


def box_of(facts: Facts) -> linear.Box:
    """The public bounds of a row."""
    low = np.asarray(facts.low, dtype=np.float64)
    high = np.asarray(facts.high, dtype=np.float64)
    return linear.Box(low=low, high=high, norm=float(facts.norm or 0.0))
