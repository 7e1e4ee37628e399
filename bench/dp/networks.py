"""The networks whose training is timed, as functions of one row; the peer has its own copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Array = np.ndarray[Any, Any]
Params = dict[str, Any]
TOKENS, WORDS, WIDTH, HEADS, INNER, BLOCKS = 64, 5000, 64, 4, 256, 2


@dataclass(frozen=True)
class Network:
    """What is trained.

    Attributes:
        start: () -> parameters.
        apply: (params, x (d,)) -> scores.
        data: (n) -> x (n, d), y (n,).
        sample: expected units in a step.
    """

    start: Callable[[], Params]
    apply: Callable[[Params, Any], Any]
    data: Callable[[int], tuple[Array, Array]]
    sample: int

    @property
    def size(self) -> int:
        """How many numbers the parameters hold."""
        return int(sum(np.size(leaf) for leaf in jax.tree.leaves(self.start())))


def _dense(draw: np.random.Generator, *sizes: int) -> list[Array]:
    return [draw.standard_normal(sizes) / np.sqrt(sizes[0]), np.zeros(sizes[-1])]


def _layers(*sizes: int) -> Params:
    draw = np.random.default_rng(0)
    return {f"l{i}": _dense(draw, a, b) for i, (a, b) in enumerate(pairwise(sizes))}


def _forward(params: Params, x: Any) -> Any:
    last = len(params) - 1
    for index in range(last):
        w, b = params[f"l{index}"]
        x = jax.nn.relu(x @ w + b)
    w, b = params[f"l{last}"]
    return x @ w + b


def _cnn_start() -> Params:
    draw = np.random.default_rng(0)
    kernels = {"c0": (8, 8, 1, 16), "c1": (4, 4, 16, 32)}
    made: Params = {name: [draw.standard_normal(shape) / np.sqrt(np.prod(shape[:3])),
                           np.zeros(shape[3])] for name, shape in kernels.items()}  # fmt: skip
    return made | {"l0": _dense(draw, 512, 32), "l1": _dense(draw, 32, 10)}


def _pooled(x: Any) -> Any:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "VALID")


def _cnn(params: Params, x: Any) -> Any:
    x = x.reshape(1, 28, 28, 1)
    for name, edge in (("c0", 3), ("c1", 0)):
        w, b = params[name]
        x = jax.lax.conv_general_dilated(
            x, w, (2, 2), [(edge, edge)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = _pooled(jax.nn.relu(x + b))
    return _forward({"l0": params["l0"], "l1": params["l1"]}, x.reshape(-1))


def _transformer_start() -> Params:
    draw = np.random.default_rng(0)
    made: Params = {"e": draw.standard_normal((WORDS, WIDTH)),
                    "p": draw.standard_normal((TOKENS, WIDTH)),
                    "n": [np.ones(WIDTH), np.zeros(WIDTH)],
                    "c": _dense(draw, WIDTH, 2)}  # fmt: skip
    for index in range(BLOCKS):
        block = {name: _dense(draw, WIDTH, WIDTH) for name in "qkvo"}
        block |= {f"n{i}": [np.ones(WIDTH), np.zeros(WIDTH)] for i in range(2)}
        block |= {"f0": _dense(draw, WIDTH, INNER), "f1": _dense(draw, INNER, WIDTH)}
        made[f"b{index}"] = block
    return made


def _normed(x: Any, scale: Any, shift: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    spread = (centred**2).mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(spread + 1e-5) * scale + shift


def _transformer(params: Params, x: Any) -> Any:
    h = params["e"][x.astype(jnp.int32)] + params["p"]
    split = WIDTH // HEADS
    for index in range(BLOCKS):
        block = params[f"b{index}"]
        inner = _normed(h, *block["n0"])
        q, k, v = ((inner @ w + b).reshape(TOKENS, HEADS, split)
                   for w, b in (block[name] for name in "qkv"))  # fmt: skip
        meet = jax.nn.softmax(jnp.einsum("thd,shd->hts", q, k) / np.sqrt(split), -1)
        seen = jnp.einsum("hts,shd->thd", meet, v).reshape(TOKENS, WIDTH)
        h = h + seen @ block["o"][0] + block["o"][1]
        wide = jax.nn.gelu(_normed(h, *block["n1"]) @ block["f0"][0] + block["f0"][1],
                           approximate=False)  # fmt: skip
        h = h + wide @ block["f1"][0] + block["f1"][1]
    return _normed(h, *params["n"]).mean(0) @ params["c"][0] + params["c"][1]


def _normal(width: int, classes: int, n: int) -> tuple[Array, Array]:
    draw = np.random.default_rng(1)
    return draw.standard_normal((n, width)), draw.integers(0, classes, n)


def _sentences(n: int) -> tuple[Array, Array]:
    draw = np.random.default_rng(1)
    return draw.integers(0, WORDS, (n, TOKENS)).astype(np.float64), draw.integers(0, 2, n)


NETWORKS = {
    "logistic": Network(partial(_layers, 100, 2), _forward, partial(_normal, 100, 2), 1024),
    "mlp": Network(
        partial(_layers, 784, 256, 128, 10), _forward, partial(_normal, 784, 10), 256
    ),
    "cnn": Network(_cnn_start, _cnn, partial(_normal, 784, 10), 256),
    "transformer": Network(_transformer_start, _transformer, _sentences, 64),
}
