"""Answers of queries: right up to their errors, total on every cell, in the order of their keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import privet as pv
from privet.claims import Gaussian
from privet.claims.serial import event_to_json
from privet.dp.accounting import MECHANISM, epsilon_for
from privet.dp.query.noise import KEYS, threshold_for
from privet.errors import InvalidInput, Refused

N = 4000
RNG = np.random.default_rng(5)
CITY = RNG.choice(["Rome", "Oslo"], N)
X = RNG.uniform(2, 8, N)
AGE = RNG.integers(0, 90, N)
FLAG = RNG.random(N) < 0.25
OWNER = np.arange(N) // 4
COLUMNS = {
    "city": {"kind": "category", "categories": ["Rome", "Oslo", "Lima"]},
    "x": {"kind": "number", "bounds": [0, 10]},
    "age": {"kind": "integer", "bounds": [0, 99]},
    "flag": {"kind": "boolean"},
}
CELLS = {"city": CITY, "x": X, "age": AGE, "flag": FLAG, "id": OWNER,
         "tag": np.array(["é" if a < 30 else "rare" if i == 0 else "b" for i, a in enumerate(AGE)])}
ROWS = pv.read(CELLS, schema={"unit": "row", "columns": COLUMNS})
OWNED = pv.read(CELLS, schema={"unit": {"column": "id", "max_rows": 4}, "columns": COLUMNS})


def ask(sql: str, data: Any = ROWS, **settings: Any) -> Any:
    return pv.query(sql, data, **{"epsilon": 16.0, "delta": 1e-5, "insecure_seed": 3, **settings})


@pytest.mark.parametrize("data", [ROWS, OWNED], ids=["row", "id"])
@pytest.mark.parametrize(("expression", "truth"), [
    ("COUNT(*)", N), ("COUNT(x)", N), ("SUM(x)", X.sum()), ("AVG(x)", X.mean()),
    ("AVG(flag)", FLAG.mean()), ("SUM(age) / 1000", AGE.sum() / 1000), ("VAR_POP(x)", X.var()),
    ("VARIANCE(age)", AGE.var(ddof=1)), ("STDDEV(x)", X.std(ddof=1)),
    ("MEDIAN(x)", np.median(X)), ("QUANTILE_CONT(x, 0.9)", np.quantile(X, 0.9)),
    ("PERCENTILE_CONT(0.1) WITHIN GROUP (ORDER BY x)", np.quantile(X, 0.1)),
    ("MIN(age)", AGE.min()), ("MAX(x)", X.max()), ("COUNT(DISTINCT age)", len(set(AGE))),
    ("COUNT(*) FILTER (WHERE city = 'Rome')", (CITY == "Rome").sum()),
    ("SUM(CASE WHEN age >= 65 THEN x ELSE 0 END)", X[AGE >= 65].sum()),
    ("COUNT(*) - 2 * COUNT_IF(flag)", N - 2 * FLAG.sum()),
    ("SUM(x * age) / 1000", (X * AGE).sum() / 1000), ("ROUND(AVG(x), 1)", X.mean()),
    ("SUM(LEAST(GREATEST(CAST(tag AS DOUBLE), 0), 1))", 0.0),
])
def test_aggregates_are_right_up_to_their_error(data: Any, expression: str, truth: float) -> None:
    answer = ask(f"SELECT {expression} AS v FROM t WHERE TRUE", data)
    ((value, error),) = answer.rows
    assert answer.columns == ("v", "v_error")
    assert math.isfinite(error) and error > 0
    assert abs(value - truth) <= 1.6 * error  # a seed is fixed: 95 % intervals, with some room
    # The error says something: it is far less than the range.
    assert error < max(abs(truth), 100.0)


def test_every_known_key_is_answered_in_its_order() -> None:
    answer = ask("SELECT city, COUNT(*) AS n, AVG(x) AS mean FROM t GROUP BY city")
    assert answer["city"] == ["Rome", "Oslo", "Lima"]
    assert abs(answer["n"][2]) < 30 and 0 <= answer["mean"][2] <= 10
    both = ask("SELECT flag, city, COUNT(*) FROM t GROUP BY city, flag")
    assert both["flag"] == [False, True] * 3
    tens = ask("SELECT FLOOR(age / 10) * 10 AS decade, COUNT(*) FROM t GROUP BY decade")
    assert tens["decade"] == list(range(0, 100, 10))


def test_totals_agree_with_their_groups() -> None:
    answer = ask("SELECT city, flag, COUNT(*) AS n, SUM(x) AS s, AVG(x) AS a, MEDIAN(x) AS m "
                 "FROM t GROUP BY ROLLUP (city, flag)")
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    assert len(rows) == 3 * 2 + 3 + 1
    *_, whole = rows
    assert whole["city"] is None and whole["flag"] is None
    cells = [row for row in rows if row["flag"] is not None]
    assert whole["s"] == pytest.approx(sum(row["s"] for row in cells))
    assert whole["s_error"] == pytest.approx(cells[0]["s_error"] * math.sqrt(6))
    for name, truth in (("n", N), ("s", X.sum()), ("a", X.mean()), ("m", np.median(X))):
        assert abs(whole[name] - truth) <= 1.6 * whole[f"{name}_error"]
    cube = ask("SELECT flag, city, COUNT(*) AS n FROM t GROUP BY CUBE (flag, city)")
    assert len(cube) == 2 * 3 + 2 + 3 + 1


def test_keys_in_the_data_pass_a_threshold() -> None:
    answer = ask("SELECT tag, COUNT(*) AS n FROM t GROUP BY tag", epsilon=2.0)
    assert answer["tag"] == ["b", "é"]
    assert answer.guarantee.delta_split[KEYS] == pytest.approx(0.25e-5)
    owned = ask("SELECT tag, COUNT(*) AS n FROM t GROUP BY tag", OWNED, epsilon=2.0)
    assert owned["tag"] == ["b", "é"]


def test_threshold_is_passed_by_one_unit_with_probability_delta() -> None:
    from scipy.stats import norm

    for keys, delta, deviation in ((1, 1e-6, 3.0), (5, 1e-4, 10.0)):
        least = threshold_for(deviation, delta, keys)
        one = norm.sf((least - 1) / deviation)
        assert 1 - (1 - one) ** keys == pytest.approx(delta, rel=1e-3)


def test_noisy_columns_are_filtered_ordered_and_cut() -> None:
    answer = ask("SELECT city AS c, COUNT(*) AS n FROM t GROUP BY c HAVING n > 100 "
                 "ORDER BY n DESC, c LIMIT 1")
    assert answer.rows[0][0] == max(("Rome", "Oslo"), key=lambda c: (c == CITY).sum())
    assert len(answer) == 1
    up = ask("SELECT city, COUNT(*) AS n FROM t GROUP BY city ORDER BY 2")
    assert up["n"] == sorted(up["n"])


def test_a_subquery_adds_up_each_units_rows() -> None:
    answer = ask("SELECT AVG(total) AS v FROM (SELECT id, SUM(x) AS total FROM t GROUP BY id) s",
                 OWNED)
    ((value, error),) = answer.rows
    assert abs(value - X.sum() / (N / 4)) <= 1.6 * error


def test_what_a_subquery_counts_can_be_grouped_by() -> None:
    answer = ask("SELECT n, COUNT(*) AS units FROM (SELECT id, COUNT(*) AS n FROM t WHERE flag "
                 "GROUP BY id) s GROUP BY n", OWNED)
    found = dict(zip(answer["n"], answer["units"], strict=True))
    per_unit = np.bincount(OWNER, weights=FLAG).astype(int)
    for n in (1, 2, 3, 4):
        assert abs(found[n] - (per_unit == n).sum()) < 30
    assert answer["n"] == [0, 1, 2, 3, 4, None]


def test_joins_with_public_and_private_tables() -> None:
    regions = pv.read({"city": ["Rome", "Oslo", "Oslo"], "region": ["S", "N", "E"]})
    answer = ask("SELECT region, COUNT(*) AS n FROM t JOIN r USING (city) GROUP BY region", ROWS,
                 public={"r": regions})
    truth = {"S": (CITY == "Rome").sum(), "N": (CITY == "Oslo").sum()}
    truth["E"] = truth["N"]
    for row in answer:
        assert abs(row["n"] - truth[row["region"]]) <= 1.6 * row["n_error"]
    ages = pv.read({"id": np.arange(0, N // 4, 2), "y": np.ones(N // 8)},
                   schema={"unit": {"column": "id", "max_rows": 1},
                           "columns": {"y": {"kind": "number", "bounds": [0, 1]}}})
    both = ask("SELECT SUM(b.y) AS v FROM a JOIN b ON a.id = b.id", {"a": OWNED, "b": ages})
    assert abs(both.rows[0][0] - N / 2) <= 1.6 * both.rows[0][1]


def test_tables_may_have_any_name() -> None:
    tables = dict.fromkeys(("base", "picked", "t0", 'odd "name"', "groups"), OWNED)
    for name in tables:
        quoted = '"' + name.replace('"', '""') + '"'
        answer = ask(f"SELECT tag, SUM(x) FROM {quoted} AS picked GROUP BY tag", tables,
                     max_groups=2, max_rows_per_group=2)
        assert answer["tag"] == ["b", "é"]


def test_every_function_is_total() -> None:
    cells = np.array([-1.0, 0.0, 1e308, -1e308, np.inf, np.nan, 1.0] * 40)
    data = pv.read({"x": cells, "s": np.array(["é\\", "%", "a"] * 93 + ["_"], dtype=object)},
                   schema={"unit": "row", "columns": {"x": {"kind": "number"}}})
    numbers = ("LN(x)", "SQRT(x)", "EXP(x)", "POWER(x, 8)", "ROUND(x, 300)", "ROUND(x, -300)",
               "x % 3", "3 % x", "1 / x", "FLOOR(x) + CEIL(x)", "ABS(x) - x", "CAST(x AS INTEGER)",
               "NULLIF(x, 0)", "COALESCE(x / 0, x)", "GREATEST(x, NULL)", "LENGTH(s)",
               "CAST(SUBSTRING(s, -3, 2) AS DOUBLE)", "CASE WHEN s LIKE '%\\' THEN x END",
               "CAST(LEFT(s, 0) AS BIGINT)", "CASE x WHEN 0 THEN 1 ELSE x END")
    for expression in numbers:
        sql = f"SELECT SUM(LEAST(GREATEST({expression}, -5), 5)) AS v, COUNT({expression}) FROM t"
        ((value, *_),) = ask(sql, data).rows
        assert math.isfinite(value)
    for key in ("UPPER(TRIM(s))", "LOWER(s)", "x", "-x", "x * 0"):
        ask(f"SELECT {key} AS k, COUNT(*) FROM t GROUP BY k", data)


def test_weights_count_rows_by_a_column() -> None:
    answer = ask("SELECT COUNT(*) AS n, AVG(age) AS v FROM t WHERE TRUE", weight="x")
    row = next(iter(answer))
    assert abs(row["n"] - X.sum()) <= 1.6 * row["n_error"]
    assert abs(row["v"] - (X * AGE).sum() / X.sum()) <= 1.6 * row["v_error"]


def test_the_number_of_rows_is_public_under_zero_out_alone() -> None:
    answer = ask("SELECT COUNT(*) AS n FROM t")
    assert answer.rows == ((N, 0.0),)
    assert answer.guarantee.epsilon == 0 and not answer.guarantee.events
    secret = ask("SELECT COUNT(*) AS n FROM t", relation="add-remove")
    assert secret.rows[0][1] > 0 and secret.guarantee.epsilon == 16


def test_the_guarantee_adds_up_and_splits_over_statements() -> None:
    one = ask("SELECT city, COUNT(*), SUM(x), AVG(x) FROM t GROUP BY city", epsilon=1.0)
    claim = one.guarantee
    assert all(type(event) is Gaussian for event in claim.events) and len(claim.events) == 4
    assert epsilon_for(claim.events, claim.delta_split[MECHANISM]) <= 1.0
    assert sum(claim.delta_split.values()) <= claim.delta
    first, second = ask(["SELECT city, COUNT(*) AS n FROM t GROUP BY city",
                         "SELECT tag, SUM(x) AS s FROM t GROUP BY tag"], epsilon=1.0)
    assert first.guarantee == second.guarantee
    assert len(first.guarantee.events) == 3
    alone = ask("SELECT city, COUNT(*) AS n FROM t GROUP BY city", epsilon=1.0)
    assert first["n_error"][0] > alone["n_error"][0]


def test_bounds_that_were_found_privately_are_paid_for() -> None:
    from privet.dp.bounds import bounds_guarantee

    claim = bounds_guarantee(1, epsilon=0.5, delta=1e-6)
    found = {"epsilon": 0.5, "delta": 1e-6, "unit": "row", "relation": "zero-out",
             "releases": [event_to_json(event) for event in claim.events]}
    schema = {"unit": "row", "bounds_from": "dp", "bounds_claim": found,
              "columns": {"x": COLUMNS["x"]}}
    data = pv.read({"x": X}, schema=schema)
    answer = ask("SELECT AVG(x) AS v FROM t", data, epsilon=1.0)
    assert answer.guarantee.epsilon == 1.5
    assert answer.guarantee.delta == pytest.approx(1.1e-5)
    assert answer.guarantee.events[:1] == claim.events
    with pytest.raises(Refused, match="another unit or relation"):
        ask("SELECT AVG(x) AS v FROM t", data, relation="replace-one")


def test_aggregates_share_what_they_have_in_common() -> None:
    answer = ask("SELECT COUNT(x) AS n, AVG(x) AS a, STDDEV(x) AS d, VAR_POP(x) AS v FROM t")
    assert answer.guarantee.events[0].what == "rows with x"
    assert len(answer.guarantee.events) == 3


def test_a_deep_statement_is_refused_in_words() -> None:
    deep = "SELECT COUNT(*) FROM t WHERE " + " AND ".join(f"age <> {i}" for i in range(5000))
    with pytest.raises(InvalidInput, match="too"):
        ask(deep)
    ask("SELECT COUNT(*) FROM t WHERE " + " AND ".join(f"age <> {i}" for i in range(60)))


def test_relations_scale_the_noise() -> None:
    def error(relation: str) -> float:
        return float(ask("SELECT SUM(x) AS s FROM t", epsilon=1.0, relation=relation).rows[0][1])

    assert error("replace-one") == pytest.approx(2 * error("zero-out"), rel=0.01)


def test_a_preview_tells_errors_and_reads_no_cell() -> None:
    sql = "SELECT city, COUNT(*) AS n, AVG(x) AS v, MEDIAN(x) AS m FROM t GROUP BY city"
    seen = ask(sql, dry_run=True)
    answer = ask(sql)
    named = {column.name: column for column in seen.columns}
    assert named["n"].error == answer["n_error"][0] and named["n"].rows is None
    assert named["v"].rows == N // 3
    assert named["v"].error == pytest.approx(answer["v_error"][0], rel=1.0)
    assert seen.guarantee == answer.guarantee
    assert seen.groups == 3


POISON: dict[str, Any] = {
    "nothing": [], "nulls": [None] * 3, "text in a number": ["abc", "1e999", "nan"],
    "infinities": [float("inf"), -float("inf"), float("nan")], "huge": [10**400, -(10**400), 1],
    "objects": [True, "12", 3.5], "denormal": [5e-324, -5e-324, 1e308],
}


@pytest.mark.parametrize("name", POISON)
def test_no_cell_changes_an_exception_the_cost_or_the_order(name: str) -> None:
    odd = np.empty(len(POISON[name]), dtype=object)
    odd[:] = POISON[name]
    clean = np.array([1.0, 2.0] * 300, dtype=object)
    texts = np.array(["a\ud800", "", "'; --", "é", "NULL"][: len(odd)] + ["a", "b"] * 300,
                     dtype=object)
    schema = {"unit": "row", "columns": {"x": COLUMNS["x"], "c": {**COLUMNS["city"]},
                                         "flag": {"kind": "boolean"}}}
    queries = ["SELECT c, COUNT(*), SUM(x / (x - 1)) FILTER (WHERE x <> 1), AVG(LN(x) * 0 + x) "
               "FROM t GROUP BY c",
               "SELECT tag, MEDIAN(x), STDDEV(x) FROM t WHERE x > 0 OR flag GROUP BY tag"]
    queries[0] = queries[0].replace("SUM(x / (x - 1))",
                                    "SUM(LEAST(GREATEST(x / (x - 1), -5), 5))")
    queries[0] = queries[0].replace("AVG(LN(x) * 0 + x)", "AVG(LEAST(GREATEST(LN(x), 0), 3))")
    found = []
    for cells in (clean, np.concatenate([odd, clean])):
        n = len(cells)
        data = pv.read({"x": cells, "c": texts[-n:], "tag": texts[-n:],
                        "flag": np.resize(odd if len(odd) else clean, n)}, schema=schema)
        answers = pv.query(queries, data, epsilon=4.0, delta=1e-6, insecure_seed=1)
        found.append(([a.columns for a in answers], answers[0]["c"], answers[1]["tag"],
                      answers[0].guarantee))
    assert found[0] == found[1]


def test_a_file_is_read_as_its_batches_are(tmp_path: Any) -> None:
    """Parquet is read by the engine itself where that means the same."""
    import pyarrow
    import pyarrow.parquet

    ids = [None if i % 10 == 0 else i // 2 for i in range(200)]
    cells = {"id": ids, "x": [1.5, float("nan"), float("inf"), None] * 50,
             "age": [1, None, 200, -5] * 50, "tag": [7, 7, 8, None] * 50, "G": [1, 2, 3, 4] * 50}
    pyarrow.parquet.write_table(pyarrow.table(cells), tmp_path / "t.parquet")
    schema = {"unit": {"column": "id", "max_rows": 2},
              "columns": {"x": COLUMNS["x"], "age": COLUMNS["age"]}}
    direct = pv.read(tmp_path / "t.parquet", schema=schema)
    batched = pv.read(pyarrow.table(cells), schema=schema)
    for sql in ("SELECT tag, COUNT(*), SUM(x), AVG(age) FROM t GROUP BY tag",
                "SELECT g, COUNT(x), MAX(age), COUNT(DISTINCT tag) FROM t WHERE x > 1 OR age < 0 "
                "GROUP BY g"):
        one, other = (ask(sql, data, max_rows=2) for data in (direct, batched))
        assert one.rows == other.rows and len(one)


def test_the_same_answer_under_a_memory_limit() -> None:
    sql = "SELECT tag, COUNT(*) AS n, SUM(x) AS s FROM t GROUP BY tag"
    assert ask(sql, OWNED, memory_limit="200MB").rows == ask(sql, OWNED).rows


def test_answers_as_tables_and_files(tmp_path: Any) -> None:
    import io

    import openpyxl

    answer = ask("SELECT city, COUNT(*) AS n FROM t GROUP BY city")
    assert answer.to_csv().splitlines()[0] == "city,n,n_error"
    assert answer.to_arrow().column_names == ["city", "n", "n_error"]
    book = openpyxl.load_workbook(io.BytesIO(answer.to_xlsx()))
    assert [cell.value for cell in book["answer"][1]] == ["city", "n", "n_error"]
    assert "differential privacy" in str(answer) and "±" in answer._repr_html_()
    assert answer.to_json()["rows"][0][0] == "Rome"
