"""Every reader keeps one contract: equal data give equal batches, whatever they came from."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privet.data import Encoder, Schema
from privet.data.drafting import draft
from privet.data.readers import open_source
from privet.data.source import Source
from privet.data.values import Batch
from privet.errors import InvalidInput, UnknownColumn

ROWS = 1_000
SIZE = 300  # the last batch is short


def _table() -> dict[str, Any]:
    """Whole numbers, decimals, text and truths, some missing; None and NaN mark those."""
    rng = np.random.default_rng(7)
    words = np.array(["plain", 'a "quote"', "a, comma", "Ünïcode", "?", "007"], dtype=object)
    text = words[rng.integers(0, len(words), ROWS)]
    gaps: Any = text.copy()
    gaps[::9] = None
    halves = rng.integers(-999, 999, ROWS) + 0.5
    holes = halves.copy()
    holes[::7] = np.nan
    return {
        "whole": rng.integers(-(2**53), 2**53, ROWS),
        "half": halves,
        "hole": holes,
        "text": text,
        "gap text": gaps,
        "truth": rng.integers(0, 2, ROWS).astype(bool),
    }


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same table in every form that `open_source` takes, with its arguments."""
    duckdb, pd, pl, pa = (
        pytest.importorskip(n) for n in ("duckdb", "pandas", "polars", "pyarrow")
    )
    dataset, sa = pytest.importorskip("pyarrow.dataset"), pytest.importorskip("sqlalchemy")
    folder = tmp_path_factory.mktemp("forms")
    table = _table()
    frame = pl.DataFrame({name: list(v) if v.dtype == object else v for name, v in table.items()},
                         nan_to_null=True)
    frame.write_parquet(folder / "t.parquet", row_group_size=128)
    dataset.write_dataset(frame.to_arrow(), folder / "parts", format="parquet")
    frame.write_csv(folder / "t.csv")
    frame.write_csv(folder / "t.tsv", separator="\t")
    (folder / "t.csv.gz").write_bytes(gzip.compress((folder / "t.csv").read_bytes()))
    with duckdb.connect(str(folder / "t.duckdb")) as con:
        con.execute(f"CREATE TABLE t AS SELECT * FROM '{folder}/t.parquet'")
    engine = sa.create_engine(f"sqlite:///{folder}/t.sqlite")
    types = {"truth": sa.Boolean, "whole": sa.BigInteger, "half": sa.Float, "hole": sa.Float}
    columns = [sa.Column(name, types.get(name, sa.Text)) for name in table]
    held = sa.Table("t", sa.MetaData(), *columns)
    with engine.begin() as con:
        held.create(con)
        con.execute(held.insert(), frame.to_dicts())
    record = np.empty(ROWS, dtype=[(n, v.dtype) for n, v in table.items()])
    for name, values in table.items():
        record[name] = values
    reader = pa.RecordBatchReader.from_batches(
        frame.to_arrow().schema, frame.to_arrow().to_batches(max_chunksize=77)
    )
    return {
        "dict": (table, {}),
        "structured": (record, {}),
        "csv": (str(folder / "t.csv"), {}),
        "csv path": (folder / "t.csv", {}),
        "csv.gz": (folder / "t.csv.gz", {}),
        "tsv": (folder / "t.tsv", {}),
        "parquet": (folder / "t.parquet", {}),
        "pandas": (pd.DataFrame(table), {}),
        "pandas nullable": (pd.DataFrame(table).convert_dtypes(), {}),
        "polars": (frame, {}),
        "polars lazy": (pl.scan_parquet(folder / "t.parquet"), {}),
        "arrow table": (frame.to_arrow(), {}),
        "arrow reader": (reader, {}),
        "arrow dataset": (dataset.dataset(folder / "parts"), {}),
        "duckdb file": (folder / "t.duckdb", {}),
        "duckdb query": (folder / "t.duckdb", {"query": "SELECT * FROM t;"}),
        "duckdb relation": (duckdb.connect().sql(f"FROM '{folder}/t.parquet'"), {}),
        "sqlite table": (f"sqlite:///{folder}/t.sqlite", {"table": "t"}),
        "sqlite query": (engine, {"query": "SELECT * FROM t ORDER BY rowid"}),
    }


FORMS = (
    "dict", "structured", "csv", "csv path", "csv.gz", "tsv", "parquet", "pandas",
    "pandas nullable", "polars", "polars lazy", "arrow table", "arrow dataset", "duckdb file",
    "duckdb query", "duckdb relation", "sqlite table", "sqlite query",
)
# SQLite keeps truths as 0 and 1; a query without declared types hands them out as integers.
UNTYPED = ("sqlite table", "sqlite query")


def _opened(forms: dict[str, Any], form: str) -> Any:
    source, options = forms[form]
    return open_source(source, **options)


def _assert_equal(found: Batch, wanted: Batch, *, loose: tuple[str, ...] = ()) -> None:
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        assert found[name].shape == values.shape
        if name in loose:
            np.testing.assert_array_equal(found[name].astype(float), values.astype(float))
            continue
        assert found[name].dtype == values.dtype, name
        np.testing.assert_array_equal(found[name], values, err_msg=name)
        if values.dtype == object:
            assert list(map(type, found[name])) == list(map(type, values)), name


@pytest.mark.parametrize("form", [*FORMS, "arrow reader"])
def test_equal_data_give_equal_batches(forms: dict[str, Any], form: str) -> None:
    wanted = list(_opened(forms, "dict").batches(size=SIZE))
    found = list(_opened(forms, form).batches(size=SIZE))
    assert len(found) == len(wanted) == 4
    for one, other in zip(found, wanted, strict=True):
        _assert_equal(one, other, loose=("truth",) if form in UNTYPED else ())


def test_the_reference_itself_is_the_table_that_was_written(forms: dict[str, Any]) -> None:
    batches = list(_opened(forms, "dict").batches(size=SIZE))
    for name, values in _table().items():
        joined = np.concatenate([batch[name] for batch in batches])
        np.testing.assert_array_equal(joined, values)


@pytest.mark.parametrize("form", FORMS)
def test_a_source_is_scanned_again_and_again(forms: dict[str, Any], form: str) -> None:
    source = _opened(forms, form)
    assert isinstance(source, Source)
    for _ in range(2):
        lengths = [len(batch["whole"]) for batch in source.batches(size=SIZE)]
        assert lengths == [300, 300, 300, 100]


@pytest.mark.parametrize("form", FORMS)
def test_columns_are_chosen_in_the_order_asked_for(forms: dict[str, Any], form: str) -> None:
    source = _opened(forms, form)
    assert source.columns == tuple(_table())
    batch = next(iter(source.batches(["text", "whole"], size=5)))
    assert list(batch) == ["text", "whole"]
    np.testing.assert_array_equal(batch["whole"], _table()["whole"][:5])


@pytest.mark.parametrize("form", FORMS)
def test_bad_arguments_are_refused_before_the_first_batch(
    forms: dict[str, Any], form: str
) -> None:
    source = _opened(forms, form)
    with pytest.raises(UnknownColumn, match="absent"):
        source.batches(["absent"])
    with pytest.raises(InvalidInput):
        source.batches(size=0)
    with pytest.raises(InvalidInput):
        source.batches([])


@pytest.mark.parametrize("form", FORMS)
def test_a_scan_may_be_left_early_and_begun_anew(forms: dict[str, Any], form: str) -> None:
    source = _opened(forms, form)
    for _ in source.batches(size=10):
        break
    assert sum(len(batch["whole"]) for batch in source.batches()) == ROWS


@pytest.mark.parametrize("form", [f for f in FORMS if f != "duckdb relation"])
def test_two_scans_run_at_once(forms: dict[str, Any], form: str) -> None:
    source = _opened(forms, form)
    for one, other in zip(source.batches(size=SIZE), source.batches(size=SIZE), strict=True):
        _assert_equal(one, other)


FAR = [10**20, -(2**63) - 1, 7, None, 10**400, -(10**330)]
"""Whole numbers beyond 64 bits and beyond float64, beside a small one and none."""


@pytest.mark.parametrize("form", ["csv", "tsv", "csv.gz", "pandas", "structured"])
@pytest.mark.parametrize("cells", [FAR, FAR[:3], FAR[:1], [2**63, 2**64 - 1],
                                   [1.5, np.inf, -np.inf, None]])
def test_numbers_of_any_size_are_numbers_in_every_source(
    tmp_path: Path, form: str, cells: list[Any]
) -> None:
    pd = pytest.importorskip("pandas")
    values = np.array(cells, dtype=object)
    sign = {np.inf: "1.0e400", -np.inf: "-2e+308", None: ""}
    lines = "\n".join(["a,b", *(f"{sign.get(v, v)},x" for v in cells)]) + "\n"
    path = tmp_path / f"t.{form}"
    if form == "csv.gz":
        path.write_bytes(gzip.compress(lines.encode()))
    elif form in ("csv", "tsv"):
        path.write_text(lines.replace(",", "\t") if form == "tsv" else lines)
    record = np.empty(len(values), dtype=[("a", object)])
    record["a"] = values
    source = {"pandas": pd.DataFrame({"a": values}), "structured": record}.get(form, path)
    (found,), (wanted,) = (
        list(open_source(place).batches(["a"])) for place in (source, {"a": values})
    )
    _assert_equal(found, wanted)
    assert {type(v) for v in found["a"].tolist()} <= {int, float, type(None)}
    column = Schema.parse({"columns": {"a": {"kind": "number", "bounds": [-1, 1],
                                             "missing": "level"}}})
    encoded = Encoder(column).encode(found)
    assert np.isfinite(encoded).all()
    assert encoded[0].tolist() == [1.0, 0.0]
    assert draft(source).columns["a"].kind in ("number", "identifier")
