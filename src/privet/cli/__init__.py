"""The command line: one module per command, and the only room that prints.

Nothing heavy (jax, scikit-learn, pandas, duckdb, rich) is imported before a command runs, so
that `privet --help` answers at once.
"""

from __future__ import annotations
