"""A table in PostgreSQL is read as the CSV of the same rows is, and nothing is ever written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import privet as pv
from privet.data.readers import open_source
from privet.errors import DataError, InvalidInput
from tests import postgres

pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
pytestmark = pytest.mark.slow  # a server is started
server, url = postgres.server, postgres.url

SCHEMA: dict[str, Any] = {
    "target": "ill",
    "columns": {
        "age": {"kind": "number", "bounds": [0, 120]},
        "city": {"kind": "category", "categories": ["Bern", "Zürich, Nord", "it's"]},
        "visits": {"kind": "integer", "bounds": [0, 1000], "missing": {"value": 0}},
        "ill": {"kind": "category", "categories": ["no", "yes"]},
    },
}
TABLE = sa.Table(
    "patients", sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("age", sa.Double, nullable=False),
    sa.Column("city", sa.Text, nullable=False),
    sa.Column("visits", sa.BigInteger),
    sa.Column("fee", sa.Numeric(10, 2)),
    sa.Column("ill", sa.Text, nullable=False),
)  # fmt: skip


def _rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)
    return [
        {
            "number": number,
            "age": float(rng.integers(0, 1200)) / 10,
            "city": ("Bern", "Zürich, Nord", "it's")[number % 3],
            "visits": None if number % 7 == 0 else int(rng.integers(0, 1000)),
            "fee": None if number % 5 == 0 else f"{rng.integers(0, 10**6) / 100:.2f}",
            "ill": ("no", "yes")[int(rng.integers(2))],
        }
        for number in range(700)
    ]


@pytest.fixture
def table(url: str) -> str:
    """The address of a schema in which the table lies."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert(), _rows())
    engine.dispose()
    return url


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """The file of the same rows."""
    lines = [",".join(TABLE.c.keys())]
    for row in _rows():
        cells = ["" if cell is None else str(cell) for cell in row.values()]
        lines.append(",".join(f'"{cell}"' if "," in cell else cell for cell in cells))
    path = tmp_path / "patients.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


ORDERED = "SELECT * FROM patients ORDER BY number"
WAYS = [{"table": "patients"}, {"query": ORDERED}]


@pytest.mark.parametrize("how", WAYS, ids=["table", "query"])
def test_batches_are_those_of_the_csv(table: str, csv: Path, how: dict[str, str]) -> None:
    wanted = list(open_source(csv).batches(size=300))
    source = open_source(table, **how)
    assert source.columns == tuple(TABLE.c.keys())
    for _ in range(2):  # it can be scanned again
        found = list(source.batches(size=300))
        assert [len(batch["age"]) for batch in found] == [300, 300, 100]
        # A table has no order; a query may say one.
        rows = np.concatenate([batch["number"] for batch in found])
        order = np.argsort(rows) if "table" in how else slice(None)
        for name in source.columns:
            one, other = (np.concatenate([batch[name] for batch in batches])
                          for batches in (found, wanted))
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(one[order], other, err_msg=name)


def test_a_query_chooses_and_computes(table: str) -> None:
    query = ("SELECT city, age * 2 AS twice FROM patients "
             "WHERE city LIKE 'B%' AND number % 2 = 0 ORDER BY number;")  # fmt: skip
    (batch,) = open_source(table, query=query).batches()
    wanted = [row for row in _rows() if row["city"] == "Bern" and row["number"] % 2 == 0]
    assert batch["city"].tolist() == ["Bern"] * len(wanted) != []
    assert batch["twice"].tolist() == [2 * row["age"] for row in wanted]


@pytest.mark.parametrize("how", WAYS, ids=["table", "query"])
def test_a_model_of_the_table_is_the_model_of_the_csv(
    table: str, csv: Path, how: dict[str, str]
) -> None:
    models = [
        pv.LogisticRegression().fit(pv.read(source, schema=SCHEMA, **options))
        for source, options in ((table, how), (csv, {}))
    ]
    chances = [model.predict_proba(pv.read(csv, schema=SCHEMA)) for model in models]
    np.testing.assert_allclose(chances[0], chances[1], rtol=1e-9)  # sums in another order
    assert models[0].classes_.tolist() == ["no", "yes"]


def test_another_target_is_read(table: str, csv: Path) -> None:
    schema = {**SCHEMA, "target": "age"}
    found, wanted = (
        pv.Ridge().fit(pv.read(source, schema=schema, **options)).predict(
            pv.read(csv, schema=schema))
        for source, options in ((table, {"table": "patients"}), (csv, {}))
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


WRITES = [
    ("DELETE FROM patients RETURNING number", InvalidInput),
    ("WITH gone AS (DELETE FROM patients RETURNING number) SELECT * FROM gone", InvalidInput),
    ("SELECT setval('counter', 99)", DataError),
    ("SELECT lo_create(0)", DataError),
    ("SELECT empty_table()", DataError),
]


@pytest.mark.parametrize(("query", "error"), WRITES)
def test_nothing_is_written(table: str, query: str, error: type[Exception]) -> None:
    engine = sa.create_engine(table)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE counter")
        connection.exec_driver_sql(
            "CREATE FUNCTION empty_table() RETURNS int LANGUAGE sql "
            "AS 'DELETE FROM patients; SELECT 1'"
        )
    with pytest.raises(error) as caught:
        list(open_source(table, query=query).batches())
    assert "Bern" not in str(caught.value)
    with engine.begin() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(TABLE)).scalar()
        assert count == 700
        assert connection.exec_driver_sql("SELECT last_value FROM counter").scalar() == 1
    engine.dispose()


def test_an_engine_is_taken_and_left_as_it_was(table: str) -> None:
    engine = sa.create_engine(table)
    source = open_source(engine, table="patients")
    assert sum(len(batch["age"]) for batch in source.batches(size=100)) == 700
    with engine.begin() as connection:
        connection.execute(TABLE.delete().where(TABLE.c.number == 0))
    assert sum(len(batch["age"]) for batch in source.batches(size=100)) == 699
    engine.dispose()


def test_what_is_missing_is_said_without_cells_or_passwords(table: str) -> None:
    address = sa.make_url(table).set(password="geheim")
    shown = address.render_as_string(hide_password=False)
    with pytest.raises(DataError, match="UndefinedTable") as caught:
        list(open_source(shown, table="absent").batches())
    assert "geheim" not in str(caught.value)
    with pytest.raises(DataError, match="InvalidTextRepresentation") as caught:
        list(open_source(table, query="SELECT CAST(city AS int) AS c FROM patients").batches())
    assert "Bern" not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_address_needs_no_name_of_its_driver(table: str) -> None:
    bare = sa.make_url(table).set(drivername="postgresql").render_as_string(hide_password=False)
    source = open_source(bare, table="patients")
    assert sum(len(batch["age"]) for batch in source.batches()) == 700
