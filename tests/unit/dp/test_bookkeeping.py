"""Clipped sums from factors are those of gradients that were formed, clipped and added."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from privet.dp.bookkeeping import book_of, clipped_sum
from privet.dp.clipping import clip_factors, x64
from privet.dp.factors import SPREAD

B, LIMIT = 8, 0.4
DRAW = np.random.default_rng(0)


def normal(*shape):
    return DRAW.standard_normal(shape)


def entropy(scores, y):
    return jax.nn.logsumexp(scores) - scores[y]


def perceptron(p, x, y):
    return entropy(jnp.tanh(x @ p[0] + p[1]) @ p[2] + p[3], y)


def from_the_left(p, x, y):
    return entropy(p[1] @ jnp.tanh(p[0] @ x), y)


def several_rows(p, x, y):
    return jax.vmap(lambda row, target: perceptron(p, row, target))(x, y).sum()


def convolution(layout, groups=1):
    def loss(p, x, y):
        made = jax.lax.conv_general_dilated(
            x[None], p[0], (2, 1), [(1, 2), (0, 1)], rhs_dilation=(1, 2),
            dimension_numbers=layout, feature_group_count=groups,
        )  # fmt: skip
        places = (1, 2) if layout[2] == "NHWC" else (2, 3)
        return entropy(jax.nn.relu(made).sum(places)[0] @ p[1], y)

    return loss


def tied(p, x, y):
    return entropy((jnp.tanh(p[0][x] @ p[1]) @ p[0].T).mean(0), y)


def taken(mode):
    def loss(p, x, y):
        rows = jnp.take(p[0], x, axis=0, mode=mode, fill_value=0.5)
        return entropy(jnp.tanh(rows @ p[1]).mean(0), y)

    return loss


def shared(p, x, y):
    return entropy(jnp.tanh(jnp.tanh(x @ p[0]) @ p[0].T) @ p[0], y)


def attention(p, x, y):
    places, width = x.shape
    centred = x - x.mean(-1, keepdims=True)
    h = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p[0] + p[1]
    q = (h @ p[2]).reshape(places, 2, width // 2)
    k = jnp.einsum("td,dhe->the", h, p[3])
    v = (h @ p[4].reshape(width, -1)).reshape(places, 2, width // 2)
    meet = jax.nn.softmax(jnp.einsum("the,she->hts", q, k), -1)
    return entropy((x + jnp.einsum("hts,she,hed->td", meet, v, p[5])).mean(0), y)


def scanned(p, x, y):
    return entropy(jax.lax.scan(lambda h, w: (jnp.tanh(h @ w), None), x, p[0])[0], y)


def low_rank(p, x, y):
    return entropy(x @ (p[0] @ p[1]) + (x @ p[2]) @ p[3], y)


def penalised(p, x, y):
    return entropy(x @ p[0], y) + 0.1 * (p[0] ** 2).sum()


def classes(k, *shape):
    return DRAW.integers(0, k, (B, *shape))


IMAGE, WORDS = normal(B, 9, 8, 2), classes(9, 6)
CASES = {
    "perceptron": (perceptron, [normal(5, 6), normal(6), normal(6, 3), normal(3)],
                   [normal(B, 5), classes(3)], {1: "add", 3: "add"}),
    "from the left": (from_the_left, [normal(6, 5), normal(3, 6)], [normal(B, 5), classes(3)], {}),
    "several rows": (several_rows, [normal(5, 6), normal(6), normal(6, 3), normal(3)],
                     [normal(B, 3, 5), classes(3, 3)], {1: "add", 3: "add"}),
    "convolution": (convolution(("NHWC", "HWIO", "NHWC")), [normal(3, 2, 2, 4), normal(4, 3)],
                    [IMAGE, classes(3)], {}),
    "channels first": (convolution(("NCHW", "OIHW", "NCHW")), [normal(4, 2, 3, 2), normal(4, 3)],
                       [IMAGE.transpose(0, 3, 1, 2), classes(3)], {}),
    "many channels": (convolution(("NHWC", "HWIO", "NHWC")), [normal(3, 2, 9, 4), normal(4, 3)],
                      [normal(B, 9, 8, 9), classes(3)], {}),
    "groups": (convolution(("NHWC", "HWIO", "NHWC"), 2), [normal(3, 2, 1, 4), normal(4, 3)],
               [IMAGE, classes(3)], {0: "conv_general_dilated"}),
    "tied": (tied, [normal(9, 4), normal(4, 4)], [WORDS, classes(9)], {}),
    "taken, filled": (taken("fill"), [normal(9, 4), normal(4, 4)],
                      [WORDS * 2 - 3, classes(4)], {}),
    "taken, clipped": (taken("clip"), [normal(9, 4), normal(4, 4)],
                       [WORDS * 2 - 3, classes(4)], {}),
    "shared": (shared, [normal(4, 3)], [normal(B, 4), classes(3)], {}),
    "attention": (attention, [normal(4), normal(4), normal(4, 4), normal(4, 2, 2),
                              normal(4, 2, 2), normal(2, 2, 4)],
                  [normal(B, 6, 4), classes(4)], {0: "mul", 1: "add"}),
    "scan": (scanned, [normal(3, 4, 4)], [normal(B, 4), classes(4)], {0: "scan"}),
    "low rank": (low_rank, [normal(5, 2), normal(2, 3), normal(5, 2), normal(2, 3)],
                 [normal(B, 5), classes(3)], {0: "dot_general", 1: "dot_general"}),
    "penalised": (penalised, [normal(5, 3)], [normal(B, 5), classes(3)], {0: "integer_pow"}),
}  # fmt: skip


def by_hand(loss, leaves, data, counted):
    each = jax.vmap(jax.grad(loss), in_axes=(None, *(0 for _ in data)))(leaves, *data)
    norms = jnp.sqrt(sum((part.reshape(B, -1) ** 2).sum(1) for part in each))
    factors = clip_factors(jnp.where(counted, norms, jnp.nan), LIMIT)
    return [jnp.tensordot(factors, part, 1) for part in each], norms


def kept_sum(loss, leaves, data, counted, limit=LIMIT):
    book = book_of(loss, leaves, *(part[0] for part in data))
    run = jax.jit(lambda p, d: clipped_sum(book, p, d, counted, limit))
    return run(leaves, data), book


def arrays(leaves, data, dtype):
    return [jnp.asarray(p, dtype) for p in leaves], [
        jnp.asarray(d, dtype if d.dtype.kind == "f" else None) for d in data
    ]


@pytest.mark.parametrize("name", CASES)
def test_sums_are_those_of_formed_gradients(name):
    loss, leaves, data, _ = CASES[name]
    counted = np.arange(B) != 3
    with x64():
        leaves, data = arrays(leaves, data, np.float64)
        expected, norms = by_hand(loss, leaves, data, counted)
        found, _ = kept_sum(loss, leaves, data, counted)
        assert (norms > LIMIT).any()
        for one, other in zip(found, expected, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_what_is_formed_is_said_with_its_reason(name):
    loss, leaves, data, formed = CASES[name]
    book = book_of(loss, *arrays(leaves, [part[0] for part in data], np.float32)[:1],
                   *(part[0] for part in data))  # fmt: skip
    assert {leaf: why.split()[0] for leaf, why in book.formed.items()} == formed
    assert all("test_bookkeeping.py" in why for why in book.formed.values())


@pytest.mark.parametrize("name", ["perceptron", "convolution", "tied", "attention", "scan"])
def test_single_precision_is_off_by_its_own_rounding_only(name):
    loss, leaves, data, _ = CASES[name]
    everyone = np.ones(B, bool)
    with x64():
        expected, _ = by_hand(loss, *arrays(leaves, data, np.float64), everyone)
        found, _ = kept_sum(loss, *arrays(leaves, data, np.float32), everyone)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == np.float64
            np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize("name", ["perceptron", "several rows", "convolution", "attention"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_unit_that_is_not_finite_adds_exactly_nothing(name, bad):
    loss, leaves, data, _ = CASES[name]
    with x64():
        leaves, data = arrays(leaves, data, np.float32)
        everyone = np.ones(B, bool)
        spoilt = [data[0].at[5].set(bad), *data[1:]]
        gone = by_hand(loss, leaves, spoilt, everyone)[1][5]
        with_it, _ = kept_sum(loss, leaves, spoilt, everyone)
        without, _ = kept_sum(loss, leaves, data, everyone & (np.arange(B) != 5))
        for one, other in zip(with_it, without, strict=True):
            assert np.isfinite(one).all()
            if not gone < 1e15:
                np.testing.assert_array_equal(one, other)


def test_a_parameter_read_twice_is_clipped_by_its_whole_gradient():
    """Adding the squares of each read's gradient would miss what they have in common."""
    loss = CASES["tied"][0]
    with x64():
        leaves, data = arrays([np.ones((9, 4)), np.eye(4)], CASES["tied"][2], np.float64)
        alone = [part[:1].repeat(B, 0) for part in data]
        found, _ = kept_sum(loss, leaves, alone, np.arange(B) == 0, limit=1e-3)
        assert np.sqrt(sum((part**2).sum() for part in found)) == pytest.approx(1e-3, rel=1e-9)


def test_terms_that_cancel_are_clipped_by_what_they_could_have_been():
    """So that rounding of the sum stays below a share of the limit."""
    size = 1e6

    def loss(p, x):
        return (jnp.array([size, -size + 1.0]) * (x @ p[0])[:, 0]).sum()

    with x64():
        leaves, data = [jnp.zeros((64, 1))], [jnp.ones((1, 2, 64))]
        found, book = kept_sum(loss, leaves, data, np.ones(1, bool), limit=1.0)
        assert not book.kept[0].reads[0].layout.forms
    spread = 8 * (2 * size - 1)
    assert np.linalg.norm(found[0]) == pytest.approx(8.0 * SPREAD / spread, rel=1e-6)
