"""Peak memory is a rise above the start, and sees what a block allocated and freed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from privet.protect import memory
from privet.protect.memory import PeakMemory, resident


@pytest.mark.skipif(resident() is None, reason="this platform has no /proc/self/statm")
def test_a_block_that_allocates_is_seen_and_one_that_does_not_is_not() -> None:
    with PeakMemory() as idle:
        time.sleep(0.05)
    with PeakMemory() as busy:
        block = np.ones(40_000_000)
        time.sleep(0.05)
        del block
    assert idle.peak is not None and busy.peak is not None
    assert busy.peak > 250e6
    assert idle.peak < 50e6


@pytest.mark.skipif(resident() is None, reason="this platform has no /proc/self/statm")
def test_compiling_is_in_the_figure_of_the_first_run_as_the_docs_say() -> None:
    import jax
    import jax.numpy as jnp

    from privet.claims import Cost

    def deep(x: jax.Array) -> jax.Array:
        for step in range(60):
            x = jnp.tanh(x + step) * jnp.roll(x, step)
        return x

    run, x = jax.jit(deep), jnp.ones(8)
    x.block_until_ready()
    with PeakMemory() as first:
        run(x).block_until_ready()
    with PeakMemory() as second:
        run(x).block_until_ready()
    assert first.peak is not None and second.peak is not None
    assert first.peak > second.peak
    for words in (memory.__doc__, Cost.__doc__):
        assert words is not None and "compil" in words
