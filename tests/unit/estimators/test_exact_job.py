"""An approval is good for one exact job: whatever is varied afterwards is another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import privet as pv
from privet.claims import Decision, NullSteward, Request
from privet.cli.main import cli
from privet.data import Dataset, Schema
from privet.data.declared import declared, plain, withheld
from privet.dp.draft import draft_private
from privet.errors import InvalidInput, Refused
from privet.estimators.stewardship import kept_ledger, stewarded
from privet.govern.ledger import Ledger, SigningKey
from privet.govern.policy import adopt, approve, job_digest
from privet.govern.policy import request as ask
from privet.models import model_for
from privet.protect import Private

N = 120
ANNA = SigningKey.generate()
COLUMNS: dict[str, Any] = {
    "name": {"kind": "identifier"},
    "age": {"kind": "number", "bounds": [0, 100], "bins": 8, "missing": "level"},
    "city": {"kind": "category", "categories": ["Bern", "Chur"], "other": "level"},
    "dose": {"kind": "integer", "bounds": [0, 10], "missing": {"value": 5}},
    "flag": {"kind": "boolean"},
    "ill": {"kind": "category", "categories": ["no", "yes"]},
}
CONTENT: dict[str, Any] = {"target": "ill", "unit": "row", "columns": COLUMNS}
POLICY = f"""
owner = "St. Mary's"
[approvers]
"Anna Berg" = "{ANNA.public.hex()}"
[default]
actions = ["fit", "compare", "schema"]
protections = ["private"]
purposes = {{care = {{plain = true}}}}
epsilon_per_release = 9.0
delta_per_release = 1e-2
approvals = 1
"""


def table() -> pd.DataFrame:
    index = np.arange(N)
    return pd.DataFrame({
        "name": [f"n{i}" for i in index], "age": 1.0 * (index * 37 % 100),
        "city": np.where(index % 3 == 0, "Chur", "Bern"), "dose": index % 11,
        "flag": index % 2 == 0, "ill": np.where(index * 37 % 100 > 50, "yes", "no"),
    })  # fmt: skip


def changed(path: str, value: Any) -> Schema:
    """The schema with the value at a dotted path changed; None takes the key away."""
    import copy

    content = copy.deepcopy(CONTENT)
    *parents, last = path.split(".")
    place = content
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return Schema.parse(content)


def dataset(schema: Schema | None = None) -> Dataset:
    return pv.read(table(), schema=schema or Schema.parse(CONTENT), name="patients")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The table is registered, and its policy asks for one approval of everything."""
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRIVET_REQUESTER", "Cy Holm")
    table().to_csv(tmp_path / "people.csv", index=False)
    words = ["dataset", "register", "patients", str(tmp_path / "people.csv"), "--unit", "row",
             "--budget", "30", "--delta", "0.1"]  # fmt: skip
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    made = Ledger.open()
    adopt(made, POLICY)
    yield made
    made.close()


class Noting(NullSteward):
    """Keeps what is asked for, and refuses it."""

    def __init__(self) -> None:
        self.asked: Request | None = None

    def decide(self, request: Request) -> Decision:
        self.asked = request
        return Decision(granted=False)


def wanted(run: Any) -> Request:
    """The request that a run makes."""
    steward = Noting()
    with pytest.raises(Refused):
        run(steward)
    assert steward.asked is not None
    return steward.asked


def fitting(estimator: Any, data: Dataset | None = None) -> Any:
    return lambda steward: estimator.fit(data or dataset(), steward=steward, purpose="care")


def approved(ledger: Ledger, asked: Request) -> str:
    entry = ask(ledger, asked, "Cy Holm", "needed")
    job = str((entry.payload or {})["job"])
    approve(ledger, job, ANNA, expires=datetime.now(UTC) + timedelta(days=1))
    return job


def logistic(**options: Any) -> Any:
    return pv.LogisticRegression(**{"protect": Private(1.0, 1e-4), **options})


SCHEMAS = {
    "bounds": ("columns.age.bounds", [0, 1e9]),
    "bins": ("columns.age.bins", 9),
    "missing": ("columns.age.missing", "drop-row"),
    "fill": ("columns.dose.missing", {"value": 6}),
    "kind": ("columns.dose.kind", "number"),
    "categories": ("columns.city.categories", ["Bern", "Chur", "Genf"]),
    "order of categories": ("columns.city.categories", ["Chur", "Bern"]),
    "other": ("columns.city.other", None),
    "bounds_from": ("columns.age.bounds_from", "dp"),
    "a column less": ("columns.flag.kind", "ignore"),
    "an identifier less": ("columns.name.kind", "ignore"),
    "classes": ("columns.ill.categories", ["yes", "no"]),
    "target": ("target", "flag"),
    "unit": ("unit", {"column": "name", "max_rows": 1}),
    "max_rows": ("unit", {"column": "name", "max_rows": 2}),
    "unit not declared": ("unit", None),
    "bounds_claim": ("bounds_claim", {"epsilon": 0.1, "delta": 1e-5, "unit": "row",
                                      "relation": "zero-out", "releases": []}),
}  # fmt: skip


@pytest.mark.parametrize("change", SCHEMAS.values(), ids=SCHEMAS)
def test_no_other_schema_runs_under_an_approval(ledger: Ledger, change: tuple[str, Any]) -> None:
    approved(ledger, wanted(fitting(logistic())))
    other = dataset(changed(*change))
    assert job_digest(wanted(fitting(logistic(), other))) != job_digest(wanted(fitting(logistic())))
    # Under another unit or relation the budget cannot even count the claim.
    with pytest.raises(Refused, match=r"0 of 1 approvals|another privacy unit"):
        logistic().fit(other, purpose="care")
    assert list(ledger.entries(kind="run.reserve")) == [], "nothing was spent"
    assert logistic().fit(dataset(), purpose="care").guarantee_.recorded


def test_comments_and_ignored_columns_are_no_other_job(ledger: Ledger) -> None:
    approved(ledger, wanted(fitting(logistic())))
    content = {**CONTENT, "columns": {**COLUMNS, "note": {"kind": "ignore"}}}
    same = dataset(Schema.parse(content))
    assert logistic().fit(same, purpose="care").guarantee_.recorded


def mlp(**options: Any) -> Any:
    return pv.Classifier("mlp", options={"hidden": 4, "seed": 1, **options},
                         protect=Private(1.0, 1e-4))


SETTINGS = {
    "C": (logistic(), logistic(C=2.0)),
    "tol": (logistic(), logistic(tol=1e-3)),
    "max_iter": (logistic(), logistic(max_iter=7)),
    "class_weight": (logistic(), logistic(class_weight={"no": 1.0, "yes": 9.0})),
    "a class's weight": (logistic(class_weight={"yes": 2.0}), logistic(class_weight={"yes": 9.0})),
    "epsilon": (logistic(), logistic(protect=Private(0.9, 1e-4))),
    "delta": (logistic(), logistic(protect=Private(1.0, 1e-5))),
    "relation": (logistic(), logistic(protect=Private(1.0, 1e-4, relation="replace-one"))),
    "clip": (logistic(), logistic(protect=Private(1.0, 1e-4, clip=0.5))),
    "steps": (logistic(), logistic(protect=Private(1.0, 1e-4, steps=3))),
    "step_size": (logistic(), logistic(protect=Private(1.0, 1e-4, step_size=0.5))),
    "fits": (logistic(), logistic(protect=Private(1.0, 1e-4, fits=2))),
    "insecure_seed": (logistic(protect=Private(1.0, 1e-4, insecure_seed=1)),
                      logistic(protect=Private(1.0, 1e-4, insecure_seed=2))),
    "model": (logistic(), pv.Classifier("additive", protect=Private(1.0, 1e-4))),
    "hidden": (mlp(), mlp(hidden=5)),
    "activation": (mlp(), mlp(activation="tanh")),
    "epochs": (mlp(), mlp(epochs=3)),
    "batch": (mlp(), mlp(batch=3)),
    "seed": (mlp(), mlp(seed=2)),
    "l2": (mlp(), mlp(l2=0.5)),
    "plain": (logistic(), logistic(protect=pv.Plain())),
}


@pytest.mark.parametrize("pair", SETTINGS.values(), ids=SETTINGS)
def test_no_other_setting_runs_under_an_approval(ledger: Ledger, pair: tuple[Any, Any]) -> None:
    first, second = pair
    assert job_digest(wanted(fitting(first))) == job_digest(wanted(fitting(first)))
    assert job_digest(wanted(fitting(first))) != job_digest(wanted(fitting(second)))
    if first.protect.insecure_seed is None:
        approved(ledger, wanted(fitting(first)))
    with pytest.raises(Refused, match=r"0 of 1 approvals|privacy unit|promises nothing"):
        second.fit(dataset(), purpose="care")
    assert list(ledger.entries(kind="run.reserve")) == [], "nothing was spent"


def test_a_users_own_model_is_known_by_what_it_computes() -> None:
    from jax import numpy as jnp

    facts = wanted_facts()

    def start(scale: float) -> Any:
        return lambda key, x: {"w": jnp.ones(x.shape[-1]) * scale}

    def once(bend: float) -> Any:
        return lambda params, x: jnp.tanh(bend * (x @ params["w"]))[None]

    from privet.protect.asked import asked

    def code(init: Any, apply: Any) -> str:
        return str(asked(model_for((init, apply), classes=2), facts)["code"])

    assert code(start(1), once(1)) == code(start(1), once(1)), "the same code is the same job"
    assert code(start(1), once(1)) != code(start(1), once(2)), "a constant in the code"
    assert code(start(1), once(1)) != code(start(2), once(1)), "where it starts from"
    linear, network = model_for("logistic", classes=2), model_for("mlp", classes=2)
    tanh = model_for("mlp", classes=2, activation="tanh")
    assert "code" not in asked(linear, facts)
    squared = model_for("linear", classes=None).loss
    for model, changes in (
        (linear, {"loss": squared}), (linear, {"encoding": "bins"}), (linear, {"apply": once(1)}),
        (linear, {"trainer": "stochastic"}), (network, {"loss": squared}),
        (network, {"shift": None}), (network, {"apply": tanh.apply}),
    ):  # fmt: skip
        assert asked(replace(model, **changes), facts) != asked(model, facts), changes
    with pytest.raises(InvalidInput, match="cannot be applied"):
        code(start(1), lambda params, x: x @ params["v"])


def wanted_facts() -> Any:
    from privet.protect.rows import facts_of

    return facts_of(dataset(), model_for("logistic", classes=2))


def test_weights_of_single_rows_cannot_be_approved(ledger: Ledger) -> None:
    def run(steward: Any) -> Any:
        data, rows = table(), Schema.parse(CONTENT)
        model = logistic(schema=rows)
        weights = np.eye(N)[7]
        return model.fit(data, data["ill"], weights, steward=steward, purpose="care")

    # A frame has no name of its own, so its request is made here under the registered one.
    asked = wanted(run)
    with pytest.raises(Refused, match="weights of single rows"):
        ask(ledger, replace(asked, data_set="patients"), "Cy Holm", "needed")
    with pytest.raises(Refused, match="weights of single rows"):
        run(None)
    assert list(ledger.entries(kind="run.reserve")) == []


def test_what_was_taken_from_the_data_is_neither_shown_nor_approved(ledger: Ledger) -> None:
    guessed = pv.read(table(), target="ill", name="patients")
    shown = declared(guessed.schema)
    assert shown["columns"]["city"] == {"kind": "category", "bounds_from": "data"}
    assert "Bern" not in str(shown) and "99" not in str(shown)
    assert any("'age'" in line for line in withheld(guessed.schema))
    asked = wanted(fitting(pv.LogisticRegression(), guessed))
    assert "Bern" not in str(asked.parameters)
    with pytest.raises(Refused, match="taken from the data"):
        ask(ledger, asked, "Cy Holm", "needed")


def test_another_target_column_beside_the_frame_is_other_data(ledger: Ledger) -> None:
    approved(ledger, wanted(fitting(logistic())))
    rows, model = table(), logistic(schema=Schema.parse(CONTENT))
    one = np.where(np.arange(N) == 7, "yes", "no")
    with pytest.raises(Refused, match="not registered in version"):
        model.fit(rows, one, purpose="care")
    assert list(ledger.entries(kind="run.reserve")) == []
    assert model.fit(rows, rows["ill"], purpose="care").guarantee_.recorded


def comparing(**changes: Any) -> Any:
    settings = {"model": "logistic", "protections": [Private(1.0, 1e-4)], "seeds": 2, **changes}
    model = settings.pop("model")
    return lambda steward: pv.compare(settings.get("data") or dataset(), model,
                                      steward=steward, purpose="care",
                                      **{k: v for k, v in settings.items() if k != "data"})


@pytest.mark.parametrize("change", [
    {"seeds": 3}, {"test_size": 0.5}, {"protections": [Private(1.0, 1e-4, clip=0.5)]},
    {"model": "additive"}, {"options": {"l2": 9.0}}, {"release": 9.0, "seeds": 2},
    {"data": dataset(changed("columns.age.bounds", [0, 1e9]))},
], ids=" ".join)  # fmt: skip
def test_no_other_comparison_has_the_digest(change: dict[str, Any]) -> None:
    first, second = wanted(comparing()), wanted(comparing(**change))
    assert job_digest(first) == job_digest(wanted(comparing()))
    assert job_digest(first) != job_digest(second)


@pytest.mark.parametrize("change", [
    {"seeds": 3}, {"release": 8.0}, {"insecure_seed": 1}, {"delta": 1e-4},
    {"protections": [Private(1.0, 1e-3, clip=0.5)]},
], ids=" ".join)  # fmt: skip
def test_no_other_released_comparison_has_the_digest(change: dict[str, Any]) -> None:
    usual = {"release": 9.0, "protections": [Private(1.0, 1e-3)], "delta": 2e-3, "seeds": 2}
    first, second = wanted(comparing(**usual)), wanted(comparing(**{**usual, **change}))
    assert job_digest(first) == job_digest(wanted(comparing(**usual)))
    assert job_digest(first) != job_digest(second)


@pytest.mark.parametrize("change", [
    {"target": "flag"}, {"kinds": {"city": ["Bern", "Chur"]}}, {"epsilon": 0.6}, {"delta": 1e-5},
    {"kinds": {"city": ["Bern"], "age": "integer"}}, {"kinds": {}},
], ids=" ".join)  # fmt: skip
def test_no_other_draft_has_the_digest(change: dict[str, Any]) -> None:
    def drafting(**changes: Any) -> Any:
        settings = {"epsilon": 0.5, "delta": 1e-4, "kinds": {"city": ["Bern"]}, **changes}
        return lambda steward: draft_private(table(), steward=steward, data_set="patients",
                                             **settings)

    first, second = wanted(drafting()), wanted(drafting(**change))
    assert job_digest(first) == job_digest(wanted(drafting()))
    assert job_digest(first) != job_digest(second)


@pytest.mark.parametrize("change", [
    {"epsilon": 1.5}, {"columns": "some"},
    {"data": changed("columns.age.bounds", [0, 1e9])},
    {"data": changed("columns.city.categories", ["Bern", "Chur", "Genf"])},
], ids=" ".join)  # fmt: skip
def test_no_other_perturbation_has_the_digest(change: dict[str, Any]) -> None:
    def perturbing(data: Any = None, epsilon: float = 2.0, columns: str = "all") -> Any:
        return lambda steward: pv.LocallyPrivate(epsilon, columns=columns).perturb(
            dataset(data), steward=steward)  # fmt: skip

    first, second = wanted(perturbing()), wanted(perturbing(**change))
    assert job_digest(first) == job_digest(wanted(perturbing()))
    assert job_digest(first) != job_digest(second)


def test_settings_are_written_in_one_way() -> None:
    value = {"a": np.float64(1.5), 1: (np.int64(2), np.bool_(True)), "n": float("inf"),
             "s": np.str_("x"), "o": object()}
    found = plain(value)
    assert found == {"a": 1.5, "1": [2, True], "n": "inf", "s": "x", "o": "object"}
    assert [type(each) for each in (found["a"], *found["1"], found["s"])] == [float, int, bool, str]


def test_the_ledger_that_is_kept_here_knows_the_table(ledger: Ledger) -> None:
    assert kept_ledger() is not None
    data, steward = stewarded(dataset())
    assert steward is not None and data.name == "patients"
