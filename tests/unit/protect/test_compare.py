"""Comparing protections: same splits for all, refusals as lines, and an honest price."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from privet.claims import Cost, DPGuarantee, JointGuarantee, NoGuarantee, Sight
from privet.data.types import Target
from privet.errors import Cancelled, DataError, InvalidInput, MissingBounds, Refused
from privet.protect.base import Facts, Model, Outcome, Plan, Protection, Rows, Watch
from privet.protect.choose import Comparison
from privet.protect.choose.compare import compare_rows
from privet.protect.choose.release import composed, release_line
from privet.protect.rows import rows_of_arrays

YES_NO = Target("ill", classes=("no", "yes"))
LINEAR = Model(
    "line", init=lambda *_: None, apply=lambda p, x: x, loss=lambda s, y: s, linear=True
)


@dataclass(frozen=True)
class Least(Protection):
    """Least squares on the training rows; notes what it was given."""

    name: ClassVar[str] = "least"
    epsilon: float | None = None
    sabotage: Callable[[Any], Any] = lambda w: w
    seen: list[tuple[Facts, bytes]] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.name if self.epsilon is None else f"{self.name} ε={self.epsilon:g}"

    def plan(self, model: Model, facts: Facts) -> Plan:
        if self.epsilon is None:
            return Plan(NoGuarantee(sights=self.sights()), Cost())
        delta = 1 / facts.rows**1.1
        claim = DPGuarantee(
            epsilon=self.epsilon, delta=delta, unit=facts.unit, relation="zero-out",
            accountant="test",
        )  # fmt: skip
        return Plan(claim, Cost())

    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        self.seen.append((rows.facts, rows.x.tobytes()))
        y, classes = rows.y, rows.facts.classes
        if classes is not None:
            y = 2 * y - 1 if classes == 2 else np.eye(classes)[y]
        x = np.column_stack([rows.x, np.ones(len(rows.x))])
        w = self.sabotage(np.linalg.lstsq(x, y, rcond=None)[0])
        w = w.reshape(len(w), -1)
        return Outcome({"w": w[:-1], "b": w[-1]}, bytes_sent={"site": 10})

    def sights(self) -> tuple[Sight, ...]:
        return ()


@dataclass(frozen=True)
class Never(Protection):
    """Refuses at its plan."""

    name: ClassVar[str] = "never"

    def plan(self, model: Model, facts: Facts) -> Plan:
        raise MissingBounds("column 'age' has no bounds", remedy="bounds = [0, 120]")

    def run(self, model: Model, rows: Rows, plan: Plan, watch: Watch) -> Outcome:
        raise AssertionError("a refused protection must not run")

    def sights(self) -> tuple[Sight, ...]:
        return ()


def rows(n: int = 200, *, classes: int | None = 2, unit: Any = None) -> Rows:
    generator = np.random.default_rng(1)
    x = generator.uniform(-1, 1, (n, 3))
    score = x @ [2.0, -1.0, 0.5] + generator.normal(0, 0.5, n)
    made = rows_of_arrays(x, score if classes is None else (score > 0), classes=classes)
    return made if unit is None else replace(made, unit=unit)


def run(*protections: Protection, data: Rows | None = None, **options: Any) -> Comparison:
    settings = {"target": YES_NO, "name": "test"} | options
    return compare_rows(data or rows(), LINEAR, protections, **settings)


def test_every_protection_trains_on_the_same_rows_of_each_split() -> None:
    first, second = Least(), Least(epsilon=1.0)
    run(first, second)
    assert [x for _, x in first.seen] == [x for _, x in second.seen]
    assert len({x for _, x in first.seen}) == 5


def test_facts_count_the_training_rows_alone() -> None:
    spy = Least()
    found = run(spy, test_size=0.25)
    assert {facts.rows for facts, _ in spy.seen} == {150} == {found.train_rows}
    assert {facts.units for facts, _ in spy.seen} == {150}
    assert found.rows == 200 and found.test_rows == 50


def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
    from sklearn.model_selection import train_test_split

    data = rows()
    found = run(Least(), data=data, seeds=1).entry("least")
    x, x_test, y, y_test = train_test_split(
        data.x, data.y, test_size=0.25, random_state=0, stratify=data.y
    )
    w = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), 2 * y - 1, rcond=None)[0]
    margin = x_test @ w[:-1] + w[-1]
    wanted = {
        "accuracy": accuracy_score(y_test, margin > 0),
        "balanced_accuracy": balanced_accuracy_score(y_test, margin > 0),
        "auc": roc_auc_score(y_test, margin),
    }
    assert {name: s.mean for name, s in found.scores.items()} == pytest.approx(wanted)


def test_the_majority_line_is_what_the_majority_class_scores() -> None:
    data = rows()
    data = replace(data, y=(np.arange(200) < 50).astype(np.int64))
    found = run(Least(), data=data)
    assert found.baselines["accuracy"].mean == pytest.approx(0.75, abs=0.01)
    assert found.baselines["balanced_accuracy"].mean == pytest.approx(0.5)


def test_regression_is_scored_by_r2_and_by_error_in_the_targets_own_unit() -> None:
    target = Target("dose", low=0.0, high=20.0)
    found = run(Least(), data=rows(classes=None), target=target)
    scores = found.entry("least").scores
    assert found.primary == "r2"
    assert 0.7 < scores["r2"].mean < 0.95
    assert 3 < scores["mae"].mean < 5  # noise of 0.5 is 0.4 off on average, and a step is 10
    assert abs(found.baselines["r2"].mean) < 0.1


def test_a_refusal_becomes_a_line_with_its_reason() -> None:
    found = run(Least(), Never())
    entry = found.entry("never")
    assert not entry.ran and not entry.scores and entry.guarantee is None
    assert entry.refusal == "column 'age' has no bounds"
    assert entry.remedy == "bounds = [0, 120]"
    assert found.entry("least").ran


def test_all_refusing_is_an_error_and_the_only_ones_own() -> None:
    with pytest.raises(MissingBounds, match="age"):
        run(Never())
    with pytest.raises(Refused, match=r"never.*least"):
        run(Never(), Least(epsilon=-1.0))


def test_scores_that_are_not_finite_are_a_line_and_not_a_figure() -> None:
    found = run(Least(), Least(epsilon=1.0, sabotage=lambda w: w * np.nan))
    assert "not finite" in str(found.entry("least ε=1").refusal)


def test_labels_are_made_unique() -> None:
    assert [e.label for e in run(Least(), Least()).entries] == ["least", "least (2)"]


def test_nothing_to_compare() -> None:
    with pytest.raises(InvalidInput, match="nothing to compare"):
        run()


@pytest.mark.parametrize("bad", [{"seeds": 0}, {"test_size": 1.0}, {"test_size": 0.0}])
def test_settings_out_of_range(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        run(Least(), **bad)


def test_one_class_is_refused_before_anything_is_trained() -> None:
    spy = Least()
    data = replace(rows(), y=np.zeros(200, dtype=np.int64))
    with pytest.raises(DataError, match="single class"):
        run(spy, data=data)
    assert not spy.seen


def test_a_class_with_one_row_is_split_without_stratification() -> None:
    y = (np.arange(200) % 2).astype(np.int64)
    y[0] = 2
    three = Target("kind", classes=("a", "b", "c"))
    data = replace(rows(), y=y)
    data = replace(data, facts=replace(data.facts, classes=3, outputs=3))
    found = run(Least(), data=data, target=three)
    assert len(found.entries[0].scores["accuracy"].values) == 5


def test_rows_of_one_unit_stay_on_one_side() -> None:
    unit = np.repeat(np.arange(40), 5)
    data = rows(unit=unit)
    data = replace(data, x=np.column_stack([data.x, unit]))
    spy = Least()
    found = run(spy, data=data)
    for facts, x in spy.seen:
        owners, counts = np.unique(np.frombuffer(x).reshape(-1, 4)[:, 3], return_counts=True)
        assert set(counts) == {5} and facts.units == len(owners) == 30
    assert found.train_rows == 150


def test_units_are_numbered_from_zero_in_each_split() -> None:
    from privet.protect.choose.splits import splits_of, training_rows

    data = rows(unit=np.repeat(np.arange(40), 5))
    for split in splits_of(data, YES_NO, seeds=(0, 1), test_size=0.25):
        unit = training_rows(data, split).unit
        assert unit is not None and sorted(set(unit.tolist())) == list(range(30))


class Log:
    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[tuple[int, int, str]] = []
        self.stop_at = stop_at

    def progress(self, done: int, total: int, what: str) -> None:
        self.steps.append((done, total, what))

    def cancelled(self) -> bool:
        return self.stop_at is not None and len(self.steps) >= self.stop_at


def test_progress_counts_every_fit() -> None:
    log = Log()
    run(Least(), Never(), seeds=3, watch=log)
    assert [(done, total) for done, total, _ in log.steps] == [(k, 6) for k in range(7)]
    assert "split 3 of 3" in log.steps[4][2]


def test_a_watcher_stops_the_run() -> None:
    spy = Least()
    with pytest.raises(Cancelled):
        run(spy, watch=Log(stop_at=2))
    assert len(spy.seen) == 2


def test_json_round_trip_is_exact_and_strict() -> None:
    found = run(Least(), Least(epsilon=0.5), Never())
    text = json.dumps(found.to_json(), allow_nan=False)
    assert Comparison.from_json(json.loads(text)) == found
    record = json.loads(text)
    assert record["recommendation"]["text"] == found.recommendation
    assert record["entries"][1]["epsilon"] == 0.5
    for broken in ({}, {"kind": "comparison"}, record | {"format": 99}, record | {"entries": 3}):
        with pytest.raises(InvalidInput):
            Comparison.from_json(broken)


def test_table_has_a_line_per_protection_and_the_majority_class() -> None:
    found = run(Least(), Least(epsilon=0.5), Never())
    table = found.table_rows()
    assert [row["protection"] for row in table] == [
        "least", "least ε=0.5", "never", "majority class",
    ]  # fmt: skip
    assert all(list(row) == list(table[0]) for row in table)
    assert table[0]["Accuracy"] == str(found.entry("least").scores["accuracy"])
    assert table[2]["Accuracy"] == "refused" and "age" in table[2]["guarantee"]
    assert table[0]["sent"] == "10 B"
    text = str(found)
    assert found.recommendation in text and found.release in text and "± " in text


def test_notebook_form_escapes_names() -> None:
    found = replace(run(Least()), data="<script>alert(1)</script>")
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


def test_the_release_line_counts_every_private_fit() -> None:
    found = run(Least(), Least(epsilon=0.5), Least(epsilon=1.0), seeds=4)
    assert "no finite epsilon" in found.release
    assert "8 private fits" in found.release and "75%" in found.release
    assert "guarantee nothing at all" in found.release
    assert found.release_epsilon is not None and 1.0 < found.release_epsilon <= 6.0
    assert found.release_delta == pytest.approx(2 * 8 / 150**1.1)


def test_without_private_fits_nothing_composes() -> None:
    found = run(Least())
    assert found.release_epsilon is None and "compose" not in found.release


def claim(epsilon: float, delta: float = 1e-6, unit: str = "row") -> DPGuarantee:
    return DPGuarantee(
        epsilon=epsilon, delta=delta, unit=unit, relation="zero-out", accountant="test"
    )


def test_composition_is_an_upper_bound_no_worse_than_the_sum() -> None:
    for claims in ([claim(1.0)], [claim(0.1)] * 50, [claim(0.5), claim(3.0)] * 3):
        pair = composed(claims)
        assert pair is not None
        assert max(c.epsilon for c in claims) - 1e-3 <= pair[0]
        assert pair[0] <= sum(c.epsilon for c in claims) + 1e-9
        assert pair[1] == pytest.approx(2e-6 * len(claims))


def test_many_small_epsilons_compose_to_less_than_their_sum() -> None:
    """The optimal composition of 50 x (0.1, 1e-6) lies well below 5 but above sqrt growth."""
    pair = composed([claim(0.1)] * 50)
    assert pair is not None and 2.0 < pair[0] < 4.5


def test_pure_claims_compose_by_their_sum() -> None:
    assert composed([claim(0.5, 0.0), claim(1.0, 0.0)]) == (1.5, 0.0)


def test_claims_for_different_units_do_not_compose() -> None:
    claims = [claim(1.0), claim(1.0, unit="patient")]
    assert composed(claims) is None
    assert "no joint epsilon" in release_line(claims, None, test_size=0.25, unprotected=False)


def test_epsilon_inside_a_stack_is_found() -> None:
    from privet.protect.choose.comparison import epsilon_of

    stack = JointGuarantee(parts=(NoGuarantee(), claim(2.0)))
    assert epsilon_of(stack) == 2.0
    assert epsilon_of(NoGuarantee()) is None


@pytest.mark.parametrize("names", [["a"], ["a", "a", "a", "a"]])
def test_one_person_cannot_be_split(names: list[str]) -> None:
    import privet as pv

    n = len(names)
    cells = {"x": [0.5] * n, "y": (["p", "q"] * n)[:n], "who": names}
    schema = {
        "target": "y", "unit": {"column": "who", "max_rows": 4},
        "columns": {"x": {"kind": "number", "bounds": [0, 1]},
                    "y": {"kind": "category", "categories": ["p", "q"]}},
    }  # fmt: skip
    with pytest.raises(DataError, match="too small to be split"):
        pv.compare(pv.read(cells, schema=schema), seeds=2)


def test_a_delta_that_all_rows_do_not_allow_is_refused_though_the_training_rows_do() -> None:
    import privet as pv
    from privet.errors import InvalidBudget

    x = np.linspace(0, 1, 200)
    schema = pv.Schema.for_arrays([0.0], [1.0], classes=[0, 1])
    data = pv.read((x[:, None], (x > 0.5) * 1), schema=schema)
    with pytest.raises(InvalidBudget, match="delta"):
        pv.compare(data, protections=[pv.Private(1.0, 0.0055)], seeds=2)
    assert pv.compare(data, protections=[pv.Private(1.0, 0.0045)], seeds=2).entries
