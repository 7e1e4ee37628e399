"""What all tests share: quiet, reproducible surroundings."""

from __future__ import annotations

import os

# JAX looks for accelerators, and each worker takes all cores, unless told otherwise; both before
# the first import of it.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")
