"""Networks and users' own modules under `Private`: they learn, and by DP-SGD only."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import train_test_split

import privet as pv
from privet.entropy import reproducible_stream
from privet.errors import InvalidInput

CANCER = load_breast_cancer(return_X_y=True)
# Round numbers above what such measurements reach, with a repeat for each of the three summaries.
CANCER_HIGH = [40, 50, 300, 4000, 0.3, 0.6, 0.8, 0.4, 0.5, 0.2,
               5, 10, 50, 1000, 0.05, 0.3, 0.6, 0.1, 0.2, 0.05,
               50, 80, 400, 6000, 0.4, 2, 2, 0.5, 1, 0.4]  # fmt: skip


def cancer() -> tuple[Any, list[np.ndarray]]:
    schema = pv.Schema.for_arrays(low=[0] * 30, high=CANCER_HIGH, classes=[0, 1])
    return schema, train_test_split(*CANCER, random_state=0, stratify=CANCER[1])


def private(epsilon: float = 3.0, **options: Any) -> pv.Private:
    return pv.Private(epsilon=epsilon, insecure_seed=1, **options)


def drawn(*shape: int, scale: float = 0.3) -> Any:
    """Numbers in [-scale, scale], the same each time."""
    words = reproducible_stream(5).words(int(np.prod(shape)))
    return jnp.asarray((scale * (words / 2.0**63 - 1)).reshape(shape), jnp.float32)


def pair() -> Any:
    """Named as the parameters of linear models are, and not linear."""

    def init(key: Any, x: Any) -> Any:
        return {"w": drawn(len(x), 1), "b": jnp.zeros(1)}

    return init, lambda params, x: jnp.tanh(x @ params["w"] + params["b"]) * 3


def linen() -> Any:
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(1)(nn.tanh(nn.Dense(8)(x)))

    return Net()


def nnx() -> Any:
    module = pytest.importorskip("flax.nnx")

    class Net(module.Module):
        def __init__(self) -> None:
            rngs = module.Rngs(0)
            self.first = module.Linear(30, 8, rngs=rngs)
            self.last = module.Linear(8, 1, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.last(jnp.tanh(self.first(x)))

    return Net()


def equinox() -> Any:
    eqx = pytest.importorskip("equinox")
    import jax

    # Eight ReLUs may all start on the wrong side of rows that nothing centres; 64 do not.
    return eqx.nn.MLP(30, 1, width_size=64, depth=1, key=jax.random.PRNGKey(0))


@pytest.mark.slow
@pytest.mark.parametrize("module", [pair, linen, nnx, equinox])
def test_users_modules_beat_the_majority_class(module: Any) -> None:
    schema, (x, x_test, y, y_test) = cancer()
    model = pv.Classifier(module(), protect=private(), schema=schema).fit(x, y)
    # Of the majority class are 63 in 100; three standard errors are 12 in 100.
    assert model.score(x_test, y_test) > 0.8
    assert model.guarantee_.epsilon == 3.0
    assert any("gradients" in str(event) for event in model.guarantee_.events)
    assert not any("every unit: sum of clipped" in str(event) for event in model.guarantee_.events)


@pytest.mark.slow
def test_a_network_learns_cancer_and_no_less_with_more_budget() -> None:
    schema, (x, x_test, y, y_test) = cancer()
    scores = [
        pv.MLPClassifier(protect=private(eps), schema=schema).fit(x, y).score(x_test, y_test)
        for eps in (0.01, 3.0)
    ]
    assert scores[1] > 0.88
    assert scores[0] < scores[1]  # so little budget cannot teach as much


@pytest.mark.slow
def test_a_network_learns_digits() -> None:
    x, x_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    schema = pv.Schema.for_arrays(low=[0] * 64, high=[16] * 64, classes=list(range(10)))
    model = pv.MLPClassifier(protect=private(), schema=schema).fit(x, y)
    assert model.score(x_test, y_test) > 0.88


@pytest.mark.slow
def test_a_network_predicts_a_number_better_than_its_mean() -> None:
    data = load_diabetes(scaled=False)
    x, y = data.data.copy(), data.target
    x[:, 1] -= 1
    low = [18, 0, 15, 60, 90, 40, 20, 2, 3, 50]
    high = [90, 1, 45, 140, 310, 250, 100, 10, 6.5, 130]
    schema = pv.Schema.for_arrays(low=low, high=high, target_range=(20, 350))
    found = []
    for split in range(4):
        x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=split)
        model = pv.MLPRegressor(protect=private(), schema=schema).fit(x_train, y_train)
        found.append(model.score(x_test, y_test))
    assert np.mean(found) > 0.1


@pytest.mark.slow
def test_names_of_parameters_do_not_decide_how_a_model_is_trained() -> None:
    schema, (x, _, y, _) = cancer()
    model = pv.Classifier(pair(), protect=private(steps=2), schema=schema).fit(x, y)
    assert model.n_iter_ == 2
    assert "poisson sample" in str(model.guarantee_.events[-1])  # linear models use every unit
    linear = pv.LogisticRegression(protect=private(steps=2), schema=schema).fit(x, y)
    assert "every unit" in str(linear.guarantee_.events[-1])


def test_a_module_with_counters_among_its_parameters_is_refused() -> None:
    def init(key: Any, x: Any) -> Any:
        return {"w": jnp.zeros((len(x), 1)), "seen": jnp.zeros((), jnp.int32)}

    schema, (x, _, y, _) = cancer()
    model = pv.Classifier((init, lambda p, x: x @ p["w"]), protect=private(), schema=schema)
    with pytest.raises(InvalidInput, match="no real number"):
        model.fit(x, y)


@pytest.mark.slow
@pytest.mark.parametrize("column", [None, "who"])
def test_rows_of_a_person_are_one_unit_to_a_network(column: str | None) -> None:
    draw = np.random.default_rng(0)
    n, each = 90, 3
    cells = {"a": draw.uniform(0, 1, n), "y": draw.integers(0, 2, n).astype(str).astype(object)}
    columns = {
        "a": {"kind": "number", "bounds": [0, 1], "missing": "drop-row"},
        "y": {"kind": "category", "categories": ["0", "1"], "missing": "drop-row"},
    }
    schema: dict[str, Any] = {"target": "y", "columns": columns}
    if column is not None:
        cells[column] = np.array([f"p{i // each}" for i in range(n)], dtype=object)
        schema["unit"] = {"column": column, "max_rows": each}
    model = pv.MLPClassifier((3,), protect=private(steps=3)).fit(pv.read(cells, schema=schema))
    units = n if column is None else n // each
    assert model.guarantee_.unit == (column or "row")
    assert model.guarantee_.delta == pytest.approx(units**-1.1)
