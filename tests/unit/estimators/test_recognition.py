"""Relatives that pass at first sight are recognised, and unrelated sets of one shape are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import privet as pv
from privet.data import Schema
from privet.errors import Refused
from privet.estimators.recognition import fingerprint
from privet.govern.budget import Budget, Match, Registry, audit_totals, rotate_hash_key
from privet.govern.ledger import Ledger

N = 120
Frame = pd.DataFrame
ANY = Schema.parse({"columns": {"absent": {"kind": "ignore"}}})


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    with_file = Ledger.open(tmp_path / "l.db")
    yield with_file
    with_file.close()


def people(seed: int = 0, count: int = N, ids: str = "text") -> Frame:
    """Persons with measurements; another seed is another set of the same shape."""
    draw = np.random.default_rng(seed)
    number = {"text": lambda: [f"p{seed}-{i}" for i in range(count)],
              "counted": lambda: np.arange(1, count + 1) + 1000 * seed,
              "long": lambda: draw.choice(10**9, count, replace=False) + 10**9}[ids]()
    return pd.DataFrame({
        "pid": number, "age": draw.integers(20, 90, count), "dose": draw.normal(50, 9, count),
        "city": draw.choice(["Bern", "Genf", "Chur"], count),
    })  # fmt: skip


def source(frame: Frame) -> Any:
    return pv.read(frame, schema=ANY).source


def register(ledger: Ledger, frame: Frame, unit: str = "pid", name: str = "people",
             **more: Any) -> Registry:
    registry = Registry(ledger)
    version, traces = fingerprint(ledger, source(frame), registry.list(), unit)
    registry.register(name, unit=unit, budget=Budget(1.0), version=version, rows=len(frame),
                      units=len(frame), columns=[*frame], traces=traces, **more)
    return registry


def match(ledger: Ledger, frame: Frame) -> Match:
    registry = Registry(ledger)
    version, traces = fingerprint(ledger, source(frame), registry.list())
    return registry.recognise(traces, version)


def edited(frame: Frame) -> Frame:
    """One row changed, so that no content hash knows it."""
    return frame.assign(dose=[1.25, *frame["dose"][1:]])


def renamed(frame: Frame) -> Frame:
    return frame.rename(columns={"pid": "subject"})


def rewritten(frame: Frame) -> Frame:
    return frame.assign(pid=[f"x{hash((7, i))}" for i in range(len(frame))])


SAME: dict[str, Callable[[Frame], Frame]] = {
    "renamed": renamed,
    "renamed and edited": lambda frame: edited(renamed(frame)),
    "id dropped": lambda frame: edited(frame.drop(columns="pid")),
    "id rewritten": lambda frame: edited(rewritten(frame)),
    "id rewritten and renamed": lambda frame: edited(renamed(rewritten(frame))),
    "grown": lambda frame: pd.concat([renamed(frame), renamed(people(5))]),
}


@pytest.mark.parametrize("ids", ["text", "counted", "long"])
@pytest.mark.parametrize("how", SAME)
def test_what_was_done_to_the_id_column_is_seen_through(
    ledger: Ledger, how: str, ids: str
) -> None:
    register(ledger, people(ids=ids))
    assert match(ledger, SAME[how](people(ids=ids))) == Match("changed", ("people",))
    unrelated = SAME[how](people(1, ids=ids))
    if how == "grown":
        unrelated = renamed(people(1, ids=ids))
    assert match(ledger, unrelated).kind == "unknown"


@pytest.mark.parametrize("how", [*SAME][:-1])
def test_a_part_is_derived(ledger: Ledger, how: str) -> None:
    register(ledger, people(count=400))
    part = SAME[how](people(count=400)).iloc[200:300]
    assert match(ledger, part) == Match("derived", ("people",))
    assert match(ledger, SAME[how](people(1, count=400)).iloc[200:300]).kind == "unknown"


@pytest.mark.parametrize(("first", "second"), [("pid", "row"), ("row", "pid")])
def test_under_another_unit_it_is_the_same_content(
    ledger: Ledger, first: str, second: str
) -> None:
    register(ledger, people(), first)
    for frame in (edited(people()), edited(people()).sample(frac=1, random_state=0)):
        with pytest.raises(Refused, match="shares units with the registered 'people'"):
            register(ledger, frame, second, "again")
    register(ledger, people(1), second, "others")
    assert match(ledger, edited(people(1))).names == ("others",)


def test_ids_that_were_added_to_rows_are_seen_through(ledger: Ledger) -> None:
    register(ledger, people().drop(columns="pid"), "row")
    assert match(ledger, edited(people())).kind == "changed"
    assert match(ledger, people(1)).kind == "unknown"


def counted(seed: int, count: int = N) -> Frame:
    """Rows of a few categories, which other sets have as well."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame({"pid": [f"q{seed}-{i}" for i in range(count)],
                         "city": draw.choice(["Bern", "Genf"], count),
                         "ill": draw.choice(["yes", "no"], count)})


@pytest.mark.parametrize("change", [
    lambda frame: frame, renamed, lambda frame: frame.drop(columns="pid")
])
def test_rows_of_a_few_categories_are_nobodys(
    ledger: Ledger, change: Callable[[Frame], Frame]
) -> None:
    register(ledger, counted(0))
    assert match(ledger, change(counted(1))).kind == "unknown"
    assert Registry(ledger).get("people").contents == ()
    assert match(ledger, renamed(counted(0))).kind == "changed", "by its ids"


def test_counters_ages_and_years_are_no_persons(ledger: Ledger) -> None:
    register(ledger, people(ids="counted", count=2000))
    draw = np.random.default_rng(9)
    other = pd.DataFrame({"line": range(1, 2001), "age": draw.integers(1, 90, 2000),
                          "year": draw.integers(1930, 2010, 2000),
                          "wage": draw.integers(1, 9000, 2000)})
    assert match(ledger, other).kind == "unknown"
    assert match(ledger, renamed(people(ids="counted", count=2000))).kind == "changed"


@pytest.mark.statistical
def test_independent_draws_of_one_population_are_apart_at_the_bound(ledger: Ledger) -> None:
    """About one row in five has a content of others, just below what still counts as telling.

    False-alarm rate: e^(-0.14 m) for m contents, m about 270: below 1e-16 for all 40 draws.
    """
    contents = 1300
    draw = np.random.default_rng(20)

    def sample(seed: int) -> Frame:
        return pd.DataFrame({"pid": [f"s{seed}-{i}" for i in range(300)],
                             "x": draw.integers(0, contents, 300)})

    register(ledger, sample(0))
    assert Registry(ledger).get("people").contents, "the bound is not reached"
    for seed in range(1, 41):
        assert match(ledger, sample(seed)).kind == "unknown"


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_of_columns_and_rows_and_the_header_do_not_matter(
    ledger: Ledger, data: st.DataObject
) -> None:
    if not Registry(ledger).list():
        register(ledger, people())
    order = data.draw(st.permutations(["pid", "age", "dose", "city"]))
    rows = data.draw(st.permutations(range(N)))
    header = data.draw(st.text(min_size=1, max_size=9).map(str.strip).filter(
        lambda name: name and name not in ("age", "dose", "city")))
    keep = data.draw(st.integers(N // 2 + 10, N))

    def shown(frame: Frame) -> Frame:
        return frame[order].iloc[list(rows)[:keep]].rename(columns={"pid": header})

    kind = "exact" if keep == N and header == "pid" else "changed"
    assert match(ledger, shown(people())) == Match(kind, ("people",))
    assert match(ledger, shown(people(1))).kind == "unknown"


# Forgetting reaches the sketch of rows


def test_whole_rows_of_a_person_are_forgotten_alone(ledger: Ledger) -> None:
    registry = register(ledger, people())
    (before,) = registry.get("people").contents
    gone = people().iloc[3:5]
    entry = registry.forget("people", *ids(gone), contents=rows(gone))
    assert entry and entry.payload and entry.payload["sketches"].keys() == {"2", "-2"}
    (after,) = registry.get("people").contents
    assert len(before.values) - len(after.values) == 2
    assert match(ledger, edited(rewritten(people())).iloc[6:]).kind == "changed"
    assert audit_totals(ledger) == []


@pytest.mark.parametrize("known", [False, True])
def test_where_rows_cannot_be_found_their_sketch_goes_as_a_whole(
    ledger: Ledger, known: bool
) -> None:
    registry = register(ledger, people())
    gone = people().iloc[3:5]
    other = rows(gone.assign(age=7)) if known else ()
    entry = registry.forget("people", *ids(gone), contents=other)
    assert entry and entry.payload and entry.payload["sketches"]["-2"] is None
    assert registry.get("people").contents == ()
    assert match(ledger, people().iloc[6:]).kind == "changed"
    assert match(ledger, edited(rewritten(people()))).kind == "unknown"
    assert audit_totals(ledger) == []
    stranger = people(1).iloc[:1]
    assert registry.forget("people", *ids(stranger), contents=rows(stranger)) is None


def test_a_stranger_costs_nothing(ledger: Ledger) -> None:
    registry = register(ledger, people())
    stranger = people(1).iloc[:1]
    assert registry.forget("people", *ids(stranger)) is None
    assert registry.forget("people", *ids(stranger), contents=rows(stranger)) is None


def test_all_of_them_go_together(ledger: Ledger) -> None:
    registry = register(ledger, people())
    entry = registry.erase_sketch("people")
    assert entry.payload and entry.payload["sketches"] == {"2": None, "-2": None}
    assert match(ledger, edited(people())).kind == "unknown"
    assert match(ledger, people()).kind == "exact"
    assert audit_totals(ledger) == []


def test_under_the_key_before_all_of_it_is_seen(ledger: Ledger) -> None:
    registry = register(ledger, people())
    rotate_hash_key(ledger)
    for change in SAME.values():
        assert match(ledger, change(people())).kind == "changed"
    assert match(ledger, people(1)).kind == "unknown"
    version, traces = fingerprint(ledger, source(rewritten(people())), registry.list(), "pid")
    with pytest.raises(Refused, match="not the registered 'people'"):
        registry.add_version("people", version=version, traces=traces)


def ids(frame: Frame) -> list[bytes]:
    from privet.data.fingerprint import scan

    return [one for part in scan(source(frame), ids=["pid"]) for one in part.ids["pid"]]


def rows(frame: Frame) -> list[bytes]:
    from privet.data.fingerprint import scan

    return [row for part in scan(source(frame), less=["pid"]) for row in part.less["pid"]]
