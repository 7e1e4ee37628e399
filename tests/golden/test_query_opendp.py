"""Noise on grouped counts and sums against OpenDP's, for the same rho and the same caps.

OpenDP 0.16.0 splits rho equally over the aggregates of a query, as we split mu^2 = 2 rho. Its
scales were written down once; where its environment is built, they are asked for again.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

import privet as pv
from bench.harness import peer_python
from privet.dp.query.build import Options, build
from privet.dp.query.noise import charged
from privet.dp.query.tables import catalogue

# Rows per unit: scales of len() and sum((-3, 100)) at rho = 0.1.
GOLDEN = {1: (3.162277660168379, 316.22776601683796), 3: (9.486832980505138, 948.6832980505138)}
SCRIPT = """
import json, sys
import opendp.prelude as dp, polars as pl
dp.enable_features("contrib", "honest-but-curious")
rows = pl.LazyFrame({"k": ["a", "b"] * 50, "v": [3] * 100})
rho, found = float(sys.argv[1]), {}
for count in (1, 3):
    context = dp.Context.compositor(
        data=rows, privacy_unit=dp.unit_of(contributions=count), privacy_loss=dp.loss_of(rho=rho),
        split_evenly_over=1, margins=[dp.polars.Margin(max_length=1000),
        dp.polars.Margin(by=["k"], invariant="keys", max_length=1000)])
    query = context.query().group_by("k").agg(
        dp.len(), pl.col("v").fill_null(0).dp.sum((-3, 100)))
    found[count] = query.summarize()["scale"].to_list()
print(json.dumps(found))
"""


def ours(rows: int) -> tuple[tuple[float, float], float]:
    """Standard deviations of a count and a sum, and the rho that both together cost."""
    schema: dict[str, Any] = {
        "unit": {"column": "id", "max_rows": rows},
        "columns": {"k": {"kind": "category", "categories": ["a", "b"]},
                    "v": {"kind": "integer", "bounds": [-3, 100]}},
    }
    data = pv.read({"id": [1, 2], "k": ["a", "b"], "v": [3, 3]}, schema=schema)
    plan = build("SELECT k, COUNT(*), SUM(v) FROM t GROUP BY k", catalogue(data), Options())
    charge = charged([plan], epsilon=1.0, delta=1e-6, relation="zero-out")
    rho = sum(1 / (2 * event.noise_multiplier**2) for event in charge.events)
    count, total = (scale.deviation * measure.step for scale, measure in
                    zip(charge.noises[0].scales, plan.measures, strict=True))
    return (count, total), rho


@pytest.mark.parametrize("rows", GOLDEN)
def test_scales_are_those_of_opendp_at_the_same_rho(rows: int) -> None:
    found, rho = ours(rows)
    more = (0.1 / rho) ** 0.5  # deviations go with 1 / sqrt(rho)
    assert found == pytest.approx([scale * more for scale in GOLDEN[rows]], rel=1e-6)


@pytest.mark.peer
def test_opendp_still_says_so() -> None:
    python = peer_python("opendp")
    if python is None:
        pytest.skip("make peers")
    _, rho = ours(1)
    done = subprocess.run([str(python), "-c", SCRIPT, repr(rho)], capture_output=True, text=True,
                          check=True, timeout=120)
    for rows, scales in json.loads(done.stdout).items():
        found, _ = ours(int(rows))
        assert found == pytest.approx(scales, rel=1e-6)
