"""Tables perturbed column by column: what is reported, what is left out, files and estimates."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import privet as pv
from privet import local
from privet.claims import LocalDPGuarantee
from privet.data.source import Frame
from privet.dp.local.files import MARK, description_of
from privet.dp.local.layout import layout_for, levels_of, sampled, share_of
from privet.dp.local.numbers import Hybrid, Piecewise
from privet.dp.local.table import randomise
from privet.entropy import reproducible_stream
from privet.errors import DataError, MissingBounds, SchemaError, UnknownCategory

N = 6000
SCHEMA: dict[str, Any] = {
    "columns": {
        "name": {"kind": "identifier"},
        "age": {"kind": "integer", "bounds": [18, 98]},
        "chol": {"kind": "number", "bounds": [80, 400], "missing": "level"},
        "income": {"kind": "number", "bounds": [0, 100], "bins": [0, 10, 50, 100],
                   "missing": "level"},
        "smoker": {"kind": "boolean"},
        "town": {"kind": "category", "categories": [f"t{i}" for i in range(40)],
                 "other": "level", "missing": "level"},
        "note": {"kind": "ignore"},
    }
}


def columns(n: int = N) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    town = np.array([f"t{i}" for i in rng.integers(0, 8, n)], object)
    town[::10], town[1::10] = None, "elsewhere"
    return {
        "name": np.array([f"person {i}" for i in range(n)], object),
        "age": rng.integers(20, 60, n),
        "chol": np.where(rng.random(n) < 0.25, np.nan, rng.normal(200, 30, n)),
        "income": np.where(rng.random(n) < 0.1, np.nan, rng.uniform(0, 30, n)),
        "smoker": rng.random(n) < 0.3,
        "town": town,
        "note": np.array(["free text"] * n, object),
        "seen_at": np.arange(n) + 1_700_000_000,
    }


def dataset(schema: Any = SCHEMA, n: int = N) -> pv.Dataset:
    return pv.read(Frame(columns(n)), schema=schema)


@pytest.fixture(scope="module")
def table() -> local.Perturbed:
    return pv.LocallyPrivate(epsilon=12.0).perturb(dataset())


def test_columns_that_are_not_perturbed_are_left_out(table: local.Perturbed) -> None:
    assert table.dropped == ("name", "note", "seen_at")
    assert [item.name for item in table.layout.attributes] == [
        "age", "chol", "chol missing", "income", "smoker", "town"
    ]
    assert table.rows == N


def test_columns_add_up_to_epsilon_exactly(table: local.Perturbed) -> None:
    layout = table.layout
    assert Fraction(layout.share) * layout.per_record <= Fraction(12)
    assert all(item.randomiser.epsilon == layout.share for item in layout.attributes)
    whole = pv.LocallyPrivate(epsilon=1.0, columns="all").layout(dataset())
    assert sum(Fraction(item.randomiser.epsilon) for item in whole.attributes) <= 1
    for parts in range(1, 40):
        assert Fraction(share_of(1.1, parts)) * parts <= Fraction(1.1)


def test_shares_and_means_come_back_within_their_errors(table: local.Perturbed) -> None:
    """Fixed data, fresh noise: within 6 standard errors, a false alarm in 10^8."""
    truth = columns()
    age = local.mean(table, "age")
    assert abs(age.mean - truth["age"].mean()) < 6 * age.error < 10
    chol = local.mean(table, "chol")
    assert abs(chol.mean - np.nanmean(truth["chol"])) < 6 * chol.error < 60
    gaps = local.histogram(table, "chol missing")
    assert abs(gaps.shares[1] - np.isnan(truth["chol"]).mean()) < 6 * gaps.errors[1]
    town = local.histogram(table, "town")
    assert town.levels[-3:] == ("t39", "(other)", "(missing)")
    for level, wanted in (("t0", 0.1), ("(other)", 0.1), ("(missing)", 0.1), ("t20", 0.0)):
        place = town.levels.index(level)
        assert abs(town.shares[place] - wanted) < 6 * town.errors[place] + 0.01
    assert town.consistent.min() >= 0 and town.consistent.sum() == pytest.approx(1)
    income = local.histogram(table, "income")
    assert income.levels == ("in [0, 10)", "in [10, 50)", "in [50, 100]", "(missing)")
    assert abs(income.shares[0] - 0.3) < 6 * income.errors[0] + 0.02
    smoker = local.histogram(table, "smoker")
    assert smoker.levels == ("false", "true")
    assert abs(smoker.shares[1] - 0.3) < 6 * smoker.errors[1] + 0.02


def test_errors_of_the_mean_of_those_present_cover_it() -> None:
    """The delta method: scores over 60 rounds have a spread of about 1."""
    data, truth = dataset(n=2000), np.nanmean(columns(2000)["chol"])
    only = {"columns": {"chol": SCHEMA["columns"]["chol"]}}
    scores = []
    for _ in range(60):
        found = local.mean(pv.LocallyPrivate(8.0).perturb(pv.read(data, schema=only)), "chol")
        scores.append((found.mean - truth) / found.error)
    assert 0.6 < np.std(scores) < 1.4


def test_the_wrong_question_is_answered_with_the_right_one(table: local.Perturbed) -> None:
    with pytest.raises(SchemaError, match=r"privet\.local\.histogram"):
        local.mean(table, "town")
    with pytest.raises(SchemaError, match=r"privet\.local\.mean"):
        local.histogram(table, "age")
    with pytest.raises(SchemaError, match="no perturbed column"):
        local.mean(table, "name")


def test_each_record_reports_as_many_columns_as_said() -> None:
    stream = reproducible_stream(3)
    for many, s in ((5, 1), (5, 3), (5, 5), (1, 1)):
        chosen = sampled(20_000, many, s, stream)
        assert (chosen.sum(axis=1) == s).all()
        assert np.abs(chosen.mean(axis=0) - s / many).max() < 0.02


def test_fewer_columns_a_record_err_less_where_epsilon_is_small() -> None:
    schema = pv.Schema.parse(SCHEMA)
    small = layout_for(schema, 0.5, 10_000)
    assert small.per_record == 1 and "chosen without looking" in small.reason
    assert layout_for(schema, 0.5, 10_000, columns="all").per_record == 6
    few = {"columns": {"age": SCHEMA["columns"]["age"], "smoker": {"kind": "boolean"}}}
    large = layout_for(pv.Schema.parse(few), 16.0, 10_000)
    assert large.per_record == 2


def test_a_target_wants_all_columns_and_their_squares() -> None:
    schema = pv.Schema.parse({**SCHEMA, "target": "smoker"})
    layout = layout_for(schema, 2.0, 10_000)
    assert layout.per_record == len(layout.attributes)
    assert isinstance(layout.attribute("age").randomiser, Piecewise)
    some = layout_for(schema, 2.0, 10_000, columns="some")
    assert isinstance(some.attribute("age").randomiser, Hybrid)


def test_the_order_is_random_and_rows_keep_together() -> None:
    """At epsilon 16 reports are the truth but for one in a million."""
    data = {"a": np.arange(1000) // 100, "b": np.arange(1000) // 100}
    category = {"kind": "category", "categories": list(range(10))}
    table = pv.LocallyPrivate(32.0, columns="all").perturb(
        pv.read(Frame(data), schema={"columns": {"a": category, "b": category}})
    )
    a, b = table.reports["a"], table.reports["b"]
    assert (a == b).mean() > 0.95
    assert abs(np.corrcoef(a, np.arange(1000))[0, 1]) < 0.2
    assert np.abs(np.bincount(a, minlength=10) - 100).max() < 15


def test_one_record_does_not_move_another() -> None:
    """The same stream, one record changed: the others' reports stay as they were."""
    schema = pv.Schema.parse({"columns": {"a": {"kind": "category", "categories": [0, 1, 2]}}})
    layout = layout_for(schema, 1.0, 50, columns="all")
    guarantee = LocalDPGuarantee(epsilon=1.0)
    values = np.arange(50) % 3
    other = values.copy()
    other[7] = (other[7] + 1) % 3
    made = [
        randomise([{"a": rows}], schema, layout, stream=reproducible_stream(5),
                  guarantee=guarantee).reports["a"]
        for rows in (values, other)
    ]  # fmt: skip
    assert (made[0] != made[1]).sum() <= 1


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"age": {"kind": "integer"}}, MissingBounds, r"bounds = \[LOW, HIGH\]"),
    ({"age": {"kind": "number", "bounds": [0, 1], "bounds_from": "data"}}, MissingBounds,
     "domain"),
    ({"smoker": {"kind": "boolean", "missing": "drop-row"}}, SchemaError, 'missing = "level"'),
    ({"smoker": {"kind": "category", "categories": ["x"]}}, SchemaError, 'kind = "ignore"'),
    ({"chol missing": {"kind": "boolean"}}, SchemaError, "chol missing"),
])  # fmt: skip
def test_what_the_schema_refuses_is_refused_before_a_cell_is_read(
    change: dict[str, Any], error: type[Exception], words: str
) -> None:
    schema = pv.Schema.parse({"columns": {**SCHEMA["columns"], **change}})
    with pytest.raises(error, match=words):
        layout_for(schema, 1.0, 100)


def test_nothing_to_perturb() -> None:
    with pytest.raises(SchemaError, match="no column to perturb"):
        layout_for(pv.Schema.parse({"columns": {"a": {"kind": "ignore"}}}), 1.0, 100)


def test_cells_at_odds_with_the_schema_are_not_shown() -> None:
    data = columns(50)
    data["town"][3] = "Secret Village"
    schema = {"columns": {"town": {"kind": "category", "categories": ["t0", "t1"],
                                   "missing": "level"}}}
    with pytest.raises(UnknownCategory) as caught:
        pv.LocallyPrivate(1.0).perturb(pv.read(Frame(data), schema=schema))
    assert "Secret" not in str(caught.value)


def test_infinite_and_huge_numbers_are_clipped() -> None:
    data = {"x": np.array([np.inf, -np.inf, 1e300, 0.5] * 500)}
    schema = {"columns": {"x": {"kind": "number", "bounds": [0, 1]}}}
    table = pv.LocallyPrivate(16.0).perturb(pv.read(Frame(data), schema=schema))
    assert abs(local.mean(table, "x").mean - 0.625) < 0.05


def test_what_devices_send_is_counted_together() -> None:
    """Each device holds one record; the layout is that of all."""
    town = {"columns": {"town": SCHEMA["columns"]["town"], "age": SCHEMA["columns"]["age"]}}
    rows = columns(300)
    device = pv.LocallyPrivate(8.0, records=300)
    sent = [
        device.perturb(pv.read(Frame({name: rows[name][i : i + 1] for name in ("town", "age")}),
                               schema=town))
        for i in range(300)
    ]  # fmt: skip
    every = local.join(sent)
    assert every.rows == 300
    age = local.mean(every, "age")
    assert abs(age.mean - rows["age"].mean()) < 6 * age.error
    other = pv.LocallyPrivate(4.0, records=300).perturb(dataset(town, n=3))
    with pytest.raises(DataError, match="different ways"):
        local.join([every, other])
    with pytest.raises(DataError):
        local.join([])
    with pytest.raises(pv.errors.InvalidInput):
        pv.LocallyPrivate(1.0, records=0)


# --- files ---


@pytest.fixture
def written(table: local.Perturbed, tmp_path: Path) -> Path:
    path = tmp_path / "noisy.csv"
    local.write(table, path)
    return path


def test_files_read_back_as_they_were(table: local.Perturbed, written: Path) -> None:
    again = local.read(written)
    assert again.layout == table.layout
    assert again.guarantee == table.guarantee
    assert (again.rows, again.schema, again.dropped) == (table.rows, table.schema, table.dropped)
    for name, reports in table.reports.items():
        assert np.array_equal(again.reports[name], reports)
        assert np.array_equal(again.present[name], table.present[name])
    assert local.mean(written, "age") == local.mean(table, "age")


@pytest.mark.parametrize("columns_way", ["all", "some"])
def test_unary_reports_and_blanks_read_back(tmp_path: Path, columns_way: str) -> None:
    from dataclasses import replace

    schema = pv.Schema.parse(SCHEMA)
    layout = layout_for(schema, 1.0, 100, columns=columns_way)
    attributes = tuple(
        replace(item, randomiser=local.UnaryEncoding(len(item.levels), layout.share))
        if item.levels else item for item in layout.attributes
    )  # fmt: skip
    names = dict.fromkeys(item.column for item in attributes)
    table = randomise(
        dataset(n=100).batches([*names], 30), schema, replace(layout, attributes=attributes),
        stream=reproducible_stream(1), guarantee=LocalDPGuarantee(epsilon=1.0),
    )  # fmt: skip
    local.write(table, tmp_path / "n.csv")
    again = local.read(tmp_path / "n.csv")
    for name, reports in table.reports.items():
        assert np.array_equal(again.reports[name], reports)
        assert np.array_equal(again.present[name], table.present[name])


def test_a_file_holds_no_true_value(written: Path) -> None:
    head, first = written.read_text().splitlines()[:2]
    assert all(name.endswith(MARK) for name in head.split(","))
    assert "person" not in written.read_text() and "free text" not in written.read_text()
    assert len(first.split(",")) == 6
    record = json.loads(description_of(written).read_text())
    assert record["guarantee"]["kind"] == "local-dp"
    assert {"randomiser", "epsilon"} <= set(record["columns"][0])


def test_a_changed_or_lonely_file_is_refused(written: Path) -> None:
    text = written.read_text()
    written.write_text(text.replace("\n", "\n\n", 1))
    with pytest.raises(DataError, match="was changed"):
        local.read(written)
    description_of(written).unlink()
    with pytest.raises(DataError, match="no description"):
        local.read(written)
    with pytest.raises(DataError):
        local.read(written.parent / "none.csv")


@pytest.mark.parametrize("spoil", [
    lambda record: record.pop("rows"),
    lambda record: record.update(more=1),
    lambda record: record.update(rows=5),
    lambda record: record.update(rows=True),
    lambda record: record.update(rows=-1),
    lambda record: record.update(per_record=99),
    lambda record: record.update(columns=[]),
    lambda record: record.update(columns=[3]),
    lambda record: record.update(dropped=[3]),
    lambda record: record.update(schema=3),
    lambda record: record.update(schema={"columns": {}}),
    lambda record: record["schema"]["columns"].pop("age"),
    lambda record: record["schema"]["columns"]["age"].update(kind="ignore"),
    lambda record: record["schema"]["columns"]["town"].update(other="refuse"),
    lambda record: record.update(epsilon="1"),
    lambda record: record.update(format=2),
    lambda record: record["columns"][0].update(randomiser="xor"),
    lambda record: record["columns"][0].update(low=float("nan")),
    lambda record: record["columns"][0].update(grid=1),
    lambda record: record["columns"][0].update(name="other"),
    lambda record: record["columns"][4].update(p="1/2"),
    lambda record: record["columns"][4].update(levels=[1, 2]),
    lambda record: record["columns"][4].update(epsilon=True),
    lambda record: record.update(guarantee={"kind": "none"}),
    lambda record: record.update(guarantee={"kind": "local-dp"}),
])  # fmt: skip
def test_a_forged_description_is_refused(written: Path, spoil: Any) -> None:
    place = description_of(written)
    record = json.loads(place.read_text())
    spoil(record)
    place.write_text(json.dumps(record))
    with pytest.raises(pv.errors.InvalidInput):
        local.read(written)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_a_description_that_is_none_is_refused(written: Path, text: str) -> None:
    description_of(written).write_text(text)
    with pytest.raises(DataError):
        local.read(written)


def test_cells_that_are_no_reports_are_refused(written: Path) -> None:
    import hashlib

    place = description_of(written)
    for spoilt in ("x00", "1.5", "-1", "9999999", "yes"):
        lines = written.read_text().splitlines()
        cells = lines[1].split(",")
        cells[0] = spoilt
        lines[1] = ",".join(cells)
        text = "\n".join(lines) + "\n"
        written.write_text(text)
        record = json.loads(place.read_text())
        record["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        place.write_text(json.dumps(record))
        with pytest.raises(DataError) as caught:
            local.read(written)
        assert spoilt not in str(caught.value)


def test_levels_of_small_integers_with_bins() -> None:
    schema = pv.Schema.parse({"columns": {
        "n": {"kind": "integer", "bounds": [0, 3], "bins": [-0.0, 1, 2, 3]}}})
    assert levels_of(schema.columns["n"]) == ("in [-0, 1)", "in [1, 2)", "in [2, 3]")
