"""Seconds of a private count and sum by 100 unknown keys: ours per person, OpenDP-Polars per row.

Rows lie in a Parquet file, and reading them is in both figures. Ours is bounded to 5 rows of a
person, or to 3 rows in each of 5 groups; a last case runs under a memory limit, and has to give
the answer that it gives without one. Median over repeats.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

import privet as pv
from bench.harness import Figure, run_peer

SCHEMA = {
    "unit": {"column": "id", "max_rows": 10},
    "columns": {"v": {"kind": "number", "bounds": [0, 100]}},
}
SQL = "SELECT g, COUNT(*) AS n, SUM(v) AS s FROM t GROUP BY g"
CASES: tuple[tuple[str, dict[str, Any], float, int], ...] = (
    ("rows", {"max_rows": 5}, 2.0, 5),
    ("groups_and_rows", {"max_groups": 5, "max_rows_per_group": 3}, 3.5, 15),
)
LIMIT = "2GB"


def run(quick: bool) -> list[Figure]:
    """One figure for each way of bounding, and one under a memory limit."""
    rows, repeats = (500_000, 3) if quick else (5_000_000, 5)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        with duckdb.connect() as con:
            con.execute("SELECT setseed(0.5)")
            con.execute(
                f"COPY (SELECT (random() * {rows // 10})::BIGINT AS id, (random() * 99)::BIGINT "
                f"AS g, random() * 100 AS v FROM range({rows})) TO '{file}' (FORMAT parquet)")
        data = pv.read(file, schema=SCHEMA)
        _seconds(data, {}, 1)
        figures = [_case(data, file, case, rows, repeats, quick) for case in CASES]
        return [*figures, _limited(data, rows)]


def _case(
    data: Any, file: Path, case: tuple[str, dict[str, Any], float, int], rows: int, repeats: int,
    quick: bool,
) -> Figure:
    name, caps, target, kept = case
    peer = run_peer("opendp", Path(__file__).with_name("peer_query.py"),
                    [str(file), str(kept), "1" if quick else "3"])
    return Figure(
        name=f"dp.query/{name}",
        ours=_seconds(data, caps, repeats),
        unit="s",
        peer=f"OpenDP-Polars, a row as the unit, {kept} rows per person",
        peer_figure=None if peer is None else float(peer["seconds"]),
        target=None if quick else target,
        detail={"rows": rows, "repeats": repeats, **caps, "engine": f"DuckDB {duckdb.__version__}",
                "peer_version": None if peer is None else peer["version"]},
    )


def _seconds(data: Any, caps: dict[str, Any], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        pv.query(SQL, data, epsilon=1.0, **caps)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _limited(data: Any, rows: int) -> Figure:
    """Seconds under the limit.

    Raises:
        RuntimeError: the answer is another one.
    """
    caps = CASES[0][1]
    started = time.perf_counter()
    limited = pv.query(SQL, data, epsilon=1.0, insecure_seed=1, memory_limit=LIMIT, **caps)
    seconds = time.perf_counter() - started
    if limited.rows != pv.query(SQL, data, epsilon=1.0, insecure_seed=1, **caps).rows:
        raise RuntimeError("the memory limit changed an answer")
    return Figure(name=f"dp.query/rows_under_{LIMIT}", ours=seconds, unit="s",
                  detail={"rows": rows, "memory_limit": LIMIT, **caps})
