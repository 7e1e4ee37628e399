"""What a query is refused, by its text and the schema alone, with the clause and a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import privet as pv
from privet.data.source import Frame
from privet.errors import InvalidInput, MissingBounds, PrivetError, Refused, UnknownColumn

SCHEMA: Any = {
    "unit": {"column": "id", "max_rows": 2},
    "columns": {
        "city": {"kind": "category", "categories": ["a", "b"]},
        "x": {"kind": "number", "bounds": [0, 10]},
        "free": {"kind": "number"},
    },
}
REGIONS = pv.read({"city": ["a", "b"], "region": ["N", "S"]})


class Unread(Frame):
    """Columns whose cells nobody may look at."""

    def batches(self, *_: Any, **__: Any) -> Iterator[Any]:
        raise AssertionError("a row was read")
        yield


def unread(schema: Any = SCHEMA) -> Any:
    columns = {name: np.zeros(1) for name in ("id", "city", "x", "free", "note", "v", "V")}
    return pv.read(Unread(columns), schema=schema)


REFUSED = {
    "SELECT x FROM t": (Refused, "lists values of rows"),
    "SELECT * FROM t": (Refused, "lists the rows"),
    "SELECT id, COUNT(*) FROM t GROUP BY id": (Refused, "list the units"),
    "SELECT city FROM t GROUP BY city": (Refused, "adds up nothing"),
    "SELECT SUM(free) FROM t": (MissingBounds, "bounds"),
    "SELECT AVG(1 / x) FROM t": (MissingBounds, "bounds"),
    "SELECT SUM(x) / COUNT(*) FROM t": (Refused, "divides by a private number"),
    "SELECT SUM(x) * COUNT(*) FROM t": (Refused, "product"),
    "SELECT COUNT(*) FROM t, t AS s": (Refused, "pairs everybody"),
    "SELECT COUNT(*) FROM t CROSS JOIN regions": (Refused, "pairs everybody"),
    "SELECT COUNT(*) FROM t JOIN t AS s ON t.city = s.city": (Refused, "unit's id only"),
    "SELECT COUNT(*) FROM regions JOIN t ON t.city = regions.city": (
        Refused, "must be the private"),
    "SELECT AVG(n) FROM (SELECT city, COUNT(*) AS n FROM t GROUP BY city) s": (
        Refused, "keep the people apart"),
    "SELECT CORR(x, free) FROM t": (Refused, "no private answer"),
    "SELECT ARRAY_AGG(x) FROM t": (Refused, "no private answer"),
    "SELECT note, COUNT(*) FROM t GROUP BY ROLLUP (note)": (Refused, "threshold"),
    "SELECT city, COUNT(DISTINCT x) FROM t GROUP BY ROLLUP (city)": (Refused, "add up to a total"),
    "SELECT free > 1 AS k, COUNT(*) FROM t GROUP BY CUBE (k)": (Refused, "may be NULL"),
    "SELECT city, COUNT(*) FROM t GROUP BY city, ROLLUP (city)": (InvalidInput, "alone"),
    "SELECT COUNT(*) AS n, SUM(x) AS n FROM t": (InvalidInput, "one name"),
    "SELECT COUNT(*) AS n, SUM(x) AS n_error FROM t": (InvalidInput, "one name"),
    "SELECT COUNT(*) AS n_error, SUM(x) AS n FROM t": (InvalidInput, "one name"),
    "DELETE FROM t": (InvalidInput, "only SELECT"),
    "COPY t TO 'file'": (InvalidInput, "SELECT"),
    "SELECT COUNT(*) FROM t; SELECT 1": (InvalidInput, "one statement"),
    "SELECT COUNT(* FROM t": (InvalidInput, "no SQL"),
    "SELECT DISTINCT city FROM t": (InvalidInput, "DISTINCT"),
    "SELECT COUNT(*) OVER () FROM t": (InvalidInput, "neither a key"),
    "SELECT COUNT(*) FROM t QUALIFY COUNT(*) > 1": (InvalidInput, "QUALIFY"),
    "SELECT COUNT(*) FROM t TABLESAMPLE 10": (InvalidInput, "SAMPLE"),
    "SELECT COUNT(*) FROM t UNION SELECT COUNT(*) FROM t": (InvalidInput, "only SELECT"),
    "SELECT COUNT(*) FROM t WHERE x IN (SELECT x FROM t)": (InvalidInput, "QUERY"),
    "SELECT COUNT(*) FROM t WHERE EXISTS (SELECT 1 FROM t)": (InvalidInput, "EXISTS"),
    "SELECT COUNT(*) FROM t WHERE random() > 0.5": (InvalidInput, "RAND"),
    "SELECT COUNT(*) FROM t WHERE getenv('HOME') = 'x'": (InvalidInput, "GETENV"),
    "SELECT COUNT(*) FROM read_csv('/etc/passwd')": (InvalidInput, "function"),
    "SELECT COUNT(*) FROM 'file.csv'": (InvalidInput, "no such table"),
    "SELECT COUNT(*) FROM t WHERE city > 3": (InvalidInput, "text is compared"),
    "SELECT COUNT(*) FROM t WHERE note > x": (InvalidInput, "text is compared"),
    "SELECT COUNT(*) FROM t WHERE v = 'a' AND V = 'b'": (InvalidInput, "upper and lower"),
    "SELECT COUNT(*) FROM t RIGHT JOIN regions USING (city)": (InvalidInput, "RIGHT"),
    "SELECT COUNT(*) FROM t LIMIT 10 OFFSET 2": (InvalidInput, "OFFSET"),
    "SELECT COUNT(*) FROM t LIMIT x": (InvalidInput, "whole number"),
    "SELECT nothing, COUNT(*) FROM t GROUP BY nothing": (UnknownColumn, "nothing"),
    "SELECT COUNT(*) FROM regions": (InvalidInput, "public"),
    "SELECT COUNT(*)": (InvalidInput, "no FROM"),
    "": (InvalidInput, "one statement"),
}


@pytest.mark.parametrize("sql", REFUSED)
def test_a_query_is_refused_before_a_row_is_read(sql: str) -> None:
    kind, words = REFUSED[sql]
    with pytest.raises(kind, match=words) as caught:
        pv.query(sql, {"t": unread()}, epsilon=1.0, delta=1e-6, public={"regions": REGIONS})
    assert caught.value.remedy


@pytest.mark.parametrize(("change", "words"), [
    ({"bounds_from": "data"}, "taken from the data"),
    ({"unit": None, "columns": {"x": SCHEMA["columns"]["x"], "id": {"kind": "identifier"}}},
     "one row is all"),
])
def test_a_schema_that_promises_too_little_is_refused(change: Any, words: str) -> None:
    schema = {name: value for name, value in {**SCHEMA, **change}.items() if value is not None}
    with pytest.raises(PrivetError, match=words):
        pv.query("SELECT COUNT(*) FROM t", unread(schema), epsilon=1.0)


@pytest.mark.parametrize("settings", [
    {"epsilon": 0.0}, {"epsilon": float("nan")}, {"epsilon": 1.0, "delta": 0.0},
    {"epsilon": 1.0, "delta": 0.9}, {"epsilon": 1.0, "relation": "mine"},
    {"epsilon": 1.0, "relation": "add-remove"}, {"epsilon": 1.0, "max_rows": 0},
    {"epsilon": 1.0, "memory_limit": "much"}, {"epsilon": 1.0, "weight": "free"},
    {"epsilon": 1.0, "weight": "none"},
])
def test_settings_that_cannot_be_meant(settings: Any) -> None:
    data = pv.read({"id": [1, 2, 3], "city": ["a", "b", "a"], "x": [1.0, 2, 3],
                    "free": [1.0, 2, 3]}, schema=SCHEMA)
    with pytest.raises(InvalidInput):
        pv.query("SELECT city, COUNT(*) FROM t GROUP BY city", data, **settings)


def test_bounds_of_units_mean_nothing_where_a_row_is_the_unit() -> None:
    data = pv.read({"x": [1.0]}, schema={"unit": "row", "columns": {"x": SCHEMA["columns"]["x"]}})
    with pytest.raises(InvalidInput, match="a row is the unit"):
        pv.query("SELECT SUM(x) FROM t", data, epsilon=1.0, max_rows=2)
