"""Users' own models: pairs, Flax and Equinox modules; mutable state is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from privet.errors import InvalidInput
from privet.models import model_for, model_from_tag, scores_of


def pair() -> Any:
    def init(key: Any, x: Any) -> Any:
        first, second = jax.random.split(key)
        d = x.shape[0]
        layer = {"w": jax.random.normal(first, (d, 8)) / d, "b": jnp.zeros(8)}
        return {"hidden": layer, "out": (jax.random.normal(second, (8, 3)),)}

    def apply(params: Any, x: Any) -> Any:
        return jnp.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"]) @ params["out"][0]

    return init, apply


def linen() -> Any:
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(3)(nn.relu(nn.Dense(8)(x)))

    return Net()


def nnx() -> Any:
    nnx = pytest.importorskip("flax.nnx")

    class Net(nnx.Module):
        def __init__(self) -> None:
            self.first = nnx.Linear(4, 8, rngs=nnx.Rngs(0))
            self.second = nnx.Linear(8, 3, rngs=nnx.Rngs(1))

        def __call__(self, x: Any) -> Any:
            return self.second(nnx.relu(self.first(x)))

    return Net()


def equinox() -> Any:
    eqx = pytest.importorskip("equinox")
    return eqx.nn.MLP(4, 3, 8, 1, key=jax.random.key(0))


KINDS = {"pair": pair, "linen": linen, "nnx": nnx, "equinox": equinox}


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_is_one_flat_dict_of_numbers_and_scores_rows(kind: str) -> None:
    module = KINDS[kind]()
    model = model_for(module, classes=3)
    params = model.init(5, 4, 3)
    assert all(isinstance(value, np.ndarray) and value.dtype == np.float64
               for value in params.values())
    x = np.linspace(-1, 1, 20).reshape(5, 4)
    together = scores_of(model, params, x)
    alone = np.stack([scores_of(model, params, row[None])[0] for row in x])
    assert together.shape == (5, 3)
    assert np.allclose(together, alone, atol=1e-5)
    again = model_from_tag(model.tag, module=module)
    assert np.allclose(scores_of(again, params, x), together)


@pytest.mark.parametrize("kind", ["pair", "linen"])
def test_the_seed_chooses_the_initial_parameters(kind: str) -> None:
    model = model_for(KINDS[kind](), classes=3)
    first, same, other = (model.init(seed, 4, 3) for seed in (1, 1, 2))
    changed = [key for key in first if not np.array_equal(first[key], other[key])]
    assert changed
    assert all(np.array_equal(first[key], same[key]) for key in first)


def test_the_key_is_jaxs_own() -> None:
    seen = []
    model = model_for((lambda key, x: seen.append(key) or {"w": jnp.zeros((4, 1))},
                       lambda params, x: x @ params["w"]), classes=2)
    model.init(7, 4, 1)
    assert np.array_equal(seen[0], jax.random.PRNGKey(7))


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_another_shape_are_refused(kind: str) -> None:
    model = model_for(KINDS[kind](), classes=4)
    with pytest.raises(InvalidInput, match="another shape"):
        model.init(0, 4, 4)


def test_a_module_that_cannot_take_the_row_is_refused() -> None:
    model = model_for(equinox(), classes=3)
    with pytest.raises(InvalidInput, match="cannot be applied"):
        model.init(0, 5, 3)


def test_a_scalar_score_will_do_for_one_output() -> None:
    both = (lambda key, x: {"w": jnp.ones(x.shape[0])}, lambda params, x: x @ params["w"])
    model = model_for(both, classes=None)
    assert scores_of(model, model.init(0, 3, 1), np.ones((2, 3))).tolist() == [[3.0], [3.0]]


def test_counters_are_no_parameters() -> None:
    both = (lambda key, x: {"n": jnp.zeros(3, jnp.int32)}, lambda params, x: x[:1])
    with pytest.raises(InvalidInput, match="no real number"):
        model_for(both, classes=2).init(0, 3, 1)


def test_linen_batch_statistics_are_refused() -> None:
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(3)(nn.BatchNorm(use_running_average=True)(x))

    with pytest.raises(InvalidInput, match=r"mutable state.*batch_stats"):
        model_for(Net(), classes=3).init(0, 4, 3)


def test_nnx_batch_statistics_are_refused() -> None:
    nnx = pytest.importorskip("flax.nnx")
    module = nnx.Sequential(nnx.BatchNorm(4, rngs=nnx.Rngs(0)),
                            nnx.Linear(4, 3, rngs=nnx.Rngs(0)))
    with pytest.raises(InvalidInput, match="mutable state"):
        model_for(module, classes=3)


def test_equinox_batch_statistics_are_refused() -> None:
    eqx = pytest.importorskip("equinox")
    module = eqx.nn.Sequential([eqx.nn.BatchNorm(4, axis_name="batch", mode="ema"),
                                eqx.nn.Linear(4, 3, key=jax.random.key(0))])
    with pytest.raises(InvalidInput, match=r"mutable state.*BatchNorm"):
        model_for(module, classes=3)


def test_frameworks_are_not_imported_by_others_models() -> None:
    code = (
        "import sys, numpy as np\n"
        "from privet.models import model_for, scores_of\n"
        "m = model_for('mlp', classes=2); scores_of(m, m.init(0, 3, 1), np.ones((2, 3)))\n"
        "m = model_for('logistic', classes=2); scores_of(m, m.init(0, 3, 1), np.ones((2, 3)))\n"
        "sys.exit(bool({'jax', 'flax', 'equinox'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
