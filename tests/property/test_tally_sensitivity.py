"""What one unit can change in the sum that a released comparison adds noise to, exactly.

The models are held fixed; floats are turned into fractions, so that no rounding of the test hides
one of the code. The bound is the clip that the noise multiplier refers to.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privet.data.types import Target
from privet.dp.clipping import SHRINK
from privet.dp.mechanisms import Grid
from privet.protect.base import Facts, Rows
from privet.protect.choose import tally
from privet.protect.choose.charge import Tally

UNITS, ROWS, P = 5, 14, 3
TARGETS = {
    "two": Target("t", classes=("no", "yes")),
    "four": Target("t", classes=("a", "b", "c", "d")),
    "number": Target("t", low=0.0, high=9.0),
}
ODD = (np.nan, np.inf, -np.inf, 1e308, -1e308)
number = st.one_of(st.floats(-1.5, 1.5), st.sampled_from(ODD))
weight = st.sampled_from((0.0, 1.0, 1.0, 0.3, 1e300))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Target, Rows, np.ndarray, bool]:
    """A target, rows of units, the merits of their rows, and whether a row is a unit."""
    target = TARGETS[draw(st.sampled_from(sorted(TARGETS)))]
    single = draw(st.booleans())
    count = UNITS if single else ROWS
    classes = None if target.classes is None else len(target.classes)
    values = number if classes is None else st.integers(0, classes - 1)
    y = np.array(draw(st.lists(values, min_size=count, max_size=count)))
    owner = np.array(draw(st.lists(st.integers(0, UNITS - 1), min_size=count, max_size=count)))
    parts = st.one_of(st.sampled_from((0.0, 1.0)), st.floats(0, 1))
    merit = draw(st.lists(parts, min_size=count * P, max_size=count * P))
    facts = Facts(rows=count, features=1, outputs=1, classes=classes, units=UNITS)
    rows = Rows(
        x=np.zeros((count, 1)), y=y, facts=facts, unit=None if single else owner,
        weight=np.array(draw(st.lists(weight, min_size=count, max_size=count))),
    )  # fmt: skip
    return target, rows, np.array(merit).reshape(count, P), single


def without(rows: Rows, unit: int) -> Rows:
    assert rows.weight is not None
    owner = np.arange(len(rows.y)) if rows.unit is None else rows.unit
    return replace(rows, weight=np.where(owner == unit, 0.0, rows.weight))


def norm2(values) -> Fraction:
    return sum((Fraction(float(value)) ** 2 for value in np.ravel(values)), Fraction(0))


def exact_sum(lines) -> list[Fraction]:
    return [sum(map(Fraction, map(float, column)), Fraction(0)) for column in lines.T]


@settings(max_examples=200, deadline=None)
@given(cases(), st.integers(0, UNITS - 1))
def test_one_unit_moves_the_sum_by_at_most_what_is_claimed(case, unit):
    target, rows, merit, _ = case
    shape = Tally(P + tally.cells(target), tally.sensitivity(P, target), UNITS)
    lines = tally.contributions(merit, rows, target)
    fewer = tally.contributions(merit, without(rows, unit), target)
    others = np.arange(UNITS) != unit
    assert (lines[others] == fewer[others]).all(), "only its own line"
    assert not fewer[unit].any(), "a unit that is not there adds nothing"
    bound = Fraction(shape.clip) ** 2 * Fraction(SHRINK) ** 2 * (1 + Fraction(1, 10**12))
    assert norm2(lines.sum(axis=0) - fewer.sum(axis=0)) <= bound
    assert list(map(Fraction, lines.sum(axis=0))) == exact_sum(lines), "no rounding in the sum"
    grid = Grid(shape.clip * 3.0)
    steps = grid.units(lines.sum(axis=0)) - grid.units(fewer.sum(axis=0))
    moved = norm2(steps) * Fraction(grid.step) ** 2
    assert moved <= Fraction(shape.clip) ** 2, "rounding to the grid included"


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_some_unit_reaches_the_bound_so_that_no_smaller_one_would_do(name):
    target = TARGETS[name]
    facts = Facts(rows=3, features=1, outputs=1, classes=None, units=3)
    rows = Rows(x=np.zeros((3, 1)), y=np.zeros(3, np.int64), facts=facts, weight=np.ones(3))
    lines = tally.contributions(np.ones((3, P)), rows, target)
    reached = float(norm2(lines[0])) ** 0.5
    assert reached == pytest.approx(tally.sensitivity(P, target), rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_scores_of_rows_lie_between_0_and_1_whatever_the_model_says(case):
    from privet.protect.base import Model, Result

    target, rows, merit, _ = case
    first = merit[:, :1]
    said = np.where(first > 0.9, np.inf, np.where(first < 0.1, np.nan, 2 * first))
    model = Model("m", init=lambda *_: None, apply=lambda p, x: x, loss=lambda s, y: s, linear=True)
    result = Result(model, {"w": np.ones((1, 1)), "b": np.zeros(1)}, None, None)
    found = tally.merits(result, said, rows.y % 2 if target.classes else rows.y, target)
    assert ((found >= 0) & (found <= 1)).all()
    worst = 0.0 if target.classes else 1.0
    assert (found[~np.isfinite(said[:, 0])] == worst).all()
