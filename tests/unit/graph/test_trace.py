"""A graph has the results, the gradients and the batched forms of the function it came from."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from privet.graph import Value, evaluate, trace, twins

DRAW = np.random.default_rng(0)
W = jnp.asarray(DRAW.normal(size=(4, 4)), jnp.float32)
X = jnp.asarray(DRAW.normal(size=(3, 4)), jnp.float32)


@jax.custom_vjp
def straight(x):
    """Clipped forwards, the identity backwards."""
    return jnp.clip(x, -1, 1)


straight.defvjp(lambda x: (straight(x), None), lambda _, slope: (slope,))


@jax.custom_jvp
def doubled(x):
    return x


doubled.defjvps(lambda slope, answer, x: 2 * slope)


def looped(w, x):
    state, every = jax.lax.scan(lambda c, t: (jnp.tanh(c + t), c), x @ w, jnp.stack([x, x]))
    return state.sum() + every.mean()


def while_looped(w, x):
    return jax.lax.fori_loop(0, 3, lambda _, h: jnp.tanh(h @ w), x).sum()


FUNCTIONS = {
    "dense": lambda w, x: jax.nn.relu(x @ w).sum(),
    "own gradients": lambda w, x: (straight(x @ w) * doubled(x)).sum(),
    "one argument twice": lambda w, x: jax.nn.logsumexp(x @ w) + jax.nn.gelu(w @ w).sum(),
    "checkpoint": lambda w, x: jax.checkpoint(lambda h: jnp.tanh(h @ w))(x).sum(),
    "scan": looped,
    "loop": while_looped,
    "branch": lambda w, x: jax.lax.cond(x[0, 0] > 0, lambda h: h.sum(), lambda h: h.max(), x @ w),
    "closure": lambda w, x: (x @ w @ jnp.eye(4) + np.arange(4)).sum(),
    "sort": lambda w, x: jnp.sort(x @ w, axis=0)[0].sum(),
}


def rerun(function):
    graph = trace(function, W, X)
    return graph, lambda w, x: evaluate(graph, [w, x])[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_gradients_and_batches_are_those_of_the_function(name):
    function = FUNCTIONS[name]
    _, again = rerun(function)
    assert float(again(W, X)) == pytest.approx(float(function(W, X)), rel=1e-6)
    slopes = [np.asarray(jax.grad(f, argnums=(0, 1))(W, X)[0]) for f in (function, again)]
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-5, atol=1e-6)
    many = jnp.stack([X, -X, 2 * X])
    batched = [jax.jit(jax.vmap(jax.grad(f), (None, 0)))(W, many) for f in (function, again)]
    np.testing.assert_allclose(batched[1], batched[0], rtol=1e-4, atol=1e-5)


def test_calls_that_only_group_are_opened_and_those_with_own_gradients_are_not():
    graph, _ = rerun(lambda w, x: jax.jit(lambda h: straight(jax.checkpoint(jnp.sin)(h)))(x @ w))
    assert [node.op for node in graph.nodes][:2] == ["dot_general", "sin"]
    assert graph.nodes[2].op.startswith("custom_vjp_call")


def test_a_node_names_the_line_of_the_user():
    graph, _ = rerun(looped)
    assert all("test_trace.py" in node.where for node in graph.nodes if node.op == "dot_general")


def test_pytrees_come_in_the_order_of_their_leaves():
    graph = trace(lambda p, x: (p["b"] + x, p["a"]), {"b": jnp.ones(2), "a": jnp.ones(3)}, 1.0)
    assert [value.shape for value in graph.inputs] == [(3,), (2,), ()]
    assert [value.shape for value in graph.outputs] == [(2,), (3,)]


def test_values_are_known_by_identity_and_their_readers_are_found():
    graph, _ = rerun(lambda w, x: (x @ w) * (x @ w).sum() + w[0])
    assert Value((1,), "f") != Value((1,), "f")
    readers = graph.users()[graph.inputs[0]]
    assert [node.op for node in readers][:2] == ["dot_general", "dot_general"]
    assert len(readers) == 3


def test_another_number_of_arguments_is_an_error():
    graph, _ = rerun(FUNCTIONS["dense"])
    with pytest.raises(ValueError, match="shorter"):
        evaluate(graph, [W])


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize("kind", ["max", "min", "sum"])
def test_pools_have_a_twin_with_the_same_gradients_ties_included(kind, padding):
    start, join = {"max": (-jnp.inf, jax.lax.max), "min": (jnp.inf, jax.lax.min),
                   "sum": (0.0, jax.lax.add)}[kind]  # fmt: skip
    image = jnp.asarray(DRAW.integers(0, 3, (2, 7, 8, 3)), jnp.float32)

    def pool(x):
        return jax.lax.reduce_window(x, start, join, (1, 3, 2, 1), (1, 2, 1, 1), padding)

    graph = trace(pool, image)
    rules = twins(graph)
    assert len(rules) == 1
    weights = jnp.asarray(DRAW.normal(size=pool(image).shape), jnp.float32)

    def twin(x):
        return evaluate(graph, [x], rules)[0]

    np.testing.assert_array_equal(twin(image), pool(image))
    slopes = [jax.grad(lambda x, f=f: (f(x) * weights).sum())(image) for f in (pool, twin)]
    np.testing.assert_allclose(slopes[1], slopes[0], atol=1e-6)


def test_windows_with_gaps_keep_their_own_pool():
    def pool(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (1,), "VALID",
                                     window_dilation=(2,))  # fmt: skip

    assert twins(trace(pool, jnp.arange(6.0))) == {}


def test_what_is_no_number_goes_through_a_twin():
    def pool(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (1,), "VALID")

    graph = trace(pool, jnp.arange(3.0))
    found = evaluate(graph, [jnp.array([1.0, jnp.nan, 0.0])], twins(graph))[0]
    assert np.isnan(found).all()
