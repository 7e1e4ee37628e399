"""How long a new interpreter takes to `import privet`, and the command line to say its help.

The peer is scikit-learn, measured in turn with us in the same environment: what a user of the
estimators pays anyway.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.harness import Figure

IMPORT_SECONDS = 0.4
HELP_SECONDS = 0.5


def run(quick: bool) -> list[Figure]:
    """Median seconds over fresh interpreters: the import, and `privet --help`."""
    repeats = 5 if quick else 15
    ours, peer, helps = [], [], []
    for _ in range(repeats):
        ours.append(_seconds("-c", "import privet"))
        peer.append(_seconds("-c", "import sklearn.linear_model"))
        helps.append(_seconds("-m", "privet", "--help"))
    detail = {"repeats": repeats, "includes": "start of the interpreter"}
    return [
        Figure(
            name="import/package",
            ours=statistics.median(ours),
            unit="s",
            peer="scikit-learn (sklearn.linear_model)",
            peer_figure=statistics.median(peer),
            target=IMPORT_SECONDS,
            detail=detail,
        ),
        Figure(
            name="import/help",
            ours=statistics.median(helps),
            unit="s",
            target=HELP_SECONDS,
            detail=detail,
        ),
    ]


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
