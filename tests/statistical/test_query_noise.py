"""The noise on queries is of the claimed scale, and a wrong scale is told from it.

Chi-square tests on fixed seeds; each claim fails by chance once in 10^4 runs of other seeds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2, norm

import privet as pv
from privet.claims import Gaussian
from privet.dp.accounting import epsilon_for
from privet.dp.query import noise as noises
from privet.dp.query.build import Options, build
from privet.dp.query.groups import exact_groups, noised
from privet.dp.query.noise import Scale, charged
from privet.dp.query.tables import catalogue
from privet.entropy import reproducible_stream

pytestmark = pytest.mark.statistical
GROUPS = 4000
DATA = pv.read({"k": [0, 1], "x": [1.0, 2.0]}, schema={
    "unit": "row", "columns": {"k": {"kind": "integer", "bounds": [0, GROUPS - 1]},
                               "x": {"kind": "number", "bounds": [-3, 10]}}})
PLAN = build("SELECT k, COUNT(*), SUM(x) FROM t GROUP BY k", catalogue(DATA), Options())


def released(scale: float = 1.0) -> tuple[np.ndarray, noises.Charge]:
    """(GROUPS, 2) noise alone, in units of the claimed deviation; `scale` breaks the claim."""
    charge = charged([PLAN], epsilon=1.0, delta=1e-6, relation="zero-out")
    (noise,) = charge.noises
    wrong = replace(noise, scales=tuple(Scale(round(s.parts / scale)) for s in noise.scales))
    groups = noised(PLAN, wrong, exact_groups(PLAN, []), reproducible_stream(7))
    values = np.array([[value for value, _ in group.totals] for group in groups])
    # What is claimed: multiplier times the most that one row adds.
    claimed = np.array([event.noise_multiplier for event in charge.events]) * np.array([1.0, 10.0])
    return values / claimed, charge


def holds(values: np.ndarray) -> bool:
    """True if the deviation is 1 in a two-sided test at 1e-4."""
    squares = float((values**2).sum())
    return bool(chi2.ppf(5e-5, len(values)) < squares < chi2.ppf(1 - 5e-5, len(values)))


def test_noise_has_the_claimed_deviation() -> None:
    values, _ = released()
    assert all(holds(column) for column in values.T)


@pytest.mark.parametrize("scale", [0.5, 0.9, 1.1])
def test_a_wrong_deviation_is_noticed(scale: float) -> None:
    values, _ = released(scale)
    assert not any(holds(column) for column in values.T)


def lower_bound(values: np.ndarray, delta: float) -> float:
    """Epsilon that an attack on the sum proves: threshold events on both worlds' true values.

    Clopper-Pearson bounds at 1e-4 in all over the count of one group, which is 0 or 1.
    """
    from scipy.stats import beta

    best, n = 0.0, len(values)
    cuts = np.linspace(values.min(), values.max() + 1, 40)
    for cut in cuts:
        without, within = int((values > cut).sum()), int((values + 1 > cut).sum())
        tail = 1e-4 / 2 / len(cuts)
        high = beta.ppf(1 - tail, without + 1, n - without) if without < n else 1.0
        low = beta.ppf(tail, within, n - within + 1) if within else 0.0
        if low > delta:
            best = max(best, float(np.log((low - delta) / high)))
    return best


def test_an_attack_proves_no_more_than_is_claimed_and_catches_half_the_noise() -> None:
    one = build("SELECT k, COUNT(*) FROM t GROUP BY k", catalogue(DATA), Options())
    charge = charged([one], epsilon=1.0, delta=0.01, relation="zero-out")
    (noise,) = charge.noises

    def draws(scale: float) -> np.ndarray:
        wrong = replace(noise, scales=(Scale(round(noise.scales[0].parts / scale)),))
        stream = reproducible_stream(11)
        found = [noised(one, wrong, exact_groups(one, []), stream) for _ in range(10)]
        return np.array([group.totals[0][0] for groups in found for group in groups])

    assert lower_bound(draws(1.0), 0.01) <= 1.0
    assert epsilon_for(Gaussian(0.5 * charge.events[0].noise_multiplier), 0.01) > 2
    assert lower_bound(draws(0.5), 0.01) > 1.5


def test_stated_intervals_hold_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(0)
    n = 40_000
    cells = {"k": rng.integers(0, 400, n), "x": rng.normal(4, 2, n)}
    schema = {"unit": "row", "columns": {"k": {"kind": "integer", "bounds": [0, 399]},
                                         "x": {"kind": "number", "bounds": [-3, 10]}}}
    sql = "SELECT k, COUNT(*) AS n, SUM(x) AS s, AVG(x) AS a, STDDEV(x) AS d, "
    sql += "MEDIAN(x) AS m, QUANTILE_CONT(x, 0.9) AS q, MIN(x) AS l FROM t GROUP BY k"
    answer = pv.query(sql, pv.read(cells, schema=schema), epsilon=4.0, insecure_seed=4)
    x = np.clip(cells["x"], -3, 10)
    inside = dict.fromkeys("nsadmql", 0)
    for row in answer:
        own = x[cells["k"] == row["k"]]
        truth = {"n": len(own), "s": own.sum(), "a": own.mean(), "d": own.std(ddof=1),
                 "m": np.median(own), "q": np.quantile(own, 0.9), "l": own.min()}
        for name, value in truth.items():
            inside[name] += abs(row[name] - value) <= row[f"{name}_error"]
    least = 400 * 0.95 - norm.ppf(1 - 1e-4 / 7) * np.sqrt(400 * 0.95 * 0.05)
    assert all(count >= least for count in inside.values()), inside
    # The exact ones are not too wide either.
    assert inside["s"] <= 400 * 0.95 + norm.ppf(1 - 1e-4 / 4) * np.sqrt(400 * 0.95 * 0.05)
