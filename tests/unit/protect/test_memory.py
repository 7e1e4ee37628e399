"""Peak memory is a rise above the start, and sees what a block allocated and freed."""

from __future__ import annotations

import time

import numpy as np
import pytest

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
