"""Train a model of one's own, two pure JAX functions, in the clear and privately.

Run beside patients.csv and patients.toml.
"""

import jax
import jax.numpy as jnp

import privet as pv


def init(key, x):
    """Parameters for encoded rows like x."""
    first, second = jax.random.split(key)
    width = x.shape[-1]
    return {
        "hidden": jax.random.normal(first, (width, 8)) / jnp.sqrt(width),
        "out": jax.random.normal(second, (8, 1)) / jnp.sqrt(8.0),
    }


def apply(params, x):
    """The score of one row, (d,) -> (1,)."""
    return jnp.tanh(x @ params["hidden"]) @ params["out"]


data = pv.read("patients.csv", schema="patients.toml")
for protect in (pv.Plain(), pv.Private(epsilon=3.0)):
    model = pv.Classifier(model=(init, apply), protect=protect).fit(data)
    print(model.guarantee_)
    print(model.cost_)
