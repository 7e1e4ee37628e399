"""What a benchmark is, which there are, and how its figures become one JSON line."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-peers"

BENCHMARKS: dict[str, str] = {
    "dp.accuracy": "bench.dp.accuracy",
    "dp.calibrate": "bench.dp.calibrate",
    "dp.cnn": "bench.dp.speed:cnn",
    "dp.local": "bench.dp.local",
    "dp.logistic": "bench.dp.speed:logistic",
    "dp.mlp": "bench.dp.speed:mlp",
    "dp.query": "bench.dp.query",
    "dp.samplers": "bench.dp.samplers",
    "dp.transformer": "bench.dp.speed:transformer",
    "import": "bench.imports",
    "ledger.append": "bench.ledger.append",
    "ledger.spend": "bench.ledger.spend",
    "ledger.verify": "bench.ledger.verify",
}
"""Names, and the module, with a function after a colon where it is not `run`: (quick) -> a
`Figure`, its fields, or a list of them.
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One result, measured together with the peer's.

    Attributes:
        name: the benchmark, with the case after a slash where it has several.
        ours: our figure.
        unit: what it counts ("s", "rows/s", "accuracy").
        peer: who we compare with; None where there is nobody.
        peer_figure: the peer's figure of the same run; None where its environment is absent.
        target: the figure that must be reached; None where there is none.
        lower_is_better: True for seconds and bytes.
        detail: further JSON-compatible facts (sizes, spread, settings).
    """

    name: str
    ours: float
    unit: str
    peer: str | None = None
    peer_figure: float | None = None
    target: float | None = None
    lower_is_better: bool = True
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How far we are ahead of the peer: above 1 is better; None without a peer's figure."""
        if not self.peer_figure or not self.ours:
            return None
        ahead = self.ours / self.peer_figure
        return 1 / ahead if self.lower_is_better else ahead

    @property
    def holds(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self.ours <= self.target if self.lower_is_better else self.ours >= self.target

    def to_json(self) -> dict[str, Any]:
        """The fields that every benchmark prints, `ratio` and `holds` among them."""
        return {**asdict(self), "ratio": self.ratio, "holds": self.holds}


def runner(name: str) -> Callable[[bool], Any]:
    """The function that measures a benchmark.

    Raises:
        KeyError: no benchmark has that name.
    """
    module, _, function = BENCHMARKS[name].partition(":")
    found: Callable[[bool], Any] = getattr(import_module(module), function or "run")
    return found


def run(name: str, *, quick: bool) -> list[dict[str, Any]]:
    """Run one benchmark; one record per figure.

    Raises:
        KeyError: no benchmark has that name.
    """
    outcome = runner(name)(quick)
    outcomes = [outcome] if isinstance(outcome, (Figure, Mapping)) else list(outcome)
    return [{"quick": quick, **_record(name, item)} for item in outcomes]


def _record(name: str, item: Figure | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(item, Figure):
        return item.to_json()
    empty = dict.fromkeys(("ours", "unit", "peer", "peer_figure", "ratio", "target", "holds"))
    return {"name": name, **empty, **item}


def peer_python(environment: str) -> Path | None:
    """The interpreter of a peer's environment, or None where `make peers` has not built it."""
    python = PEERS / environment / "bin" / "python"
    return python if python.exists() else None


def run_peer(
    environment: str, script: Path, arguments: Sequence[str] = (), *, seconds: float = 600
) -> dict[str, Any] | None:
    """The JSON object that a peer's script prints last; None where its environment is absent.

    Raises:
        subprocess.SubprocessError: the script failed or took too long.
    """
    python = peer_python(environment)
    if python is None:
        return None
    done = subprocess.run(
        [str(python), str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=True,
        cwd=ROOT,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def machine() -> str:
    """The machine in one line, for the table's heading."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown page of the figures."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on: {machine()}.",
        "A ratio above 1 means that privet is ahead; `-` stands where a peer's environment is",
        "absent (`make peers` builds them) or no target is set.",
        "",
        "| benchmark | ours | unit | peer | peer's figure | ratio | target | holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for record in records:
        cells = [record["name"], *(record[key] for key in _COLUMNS)]
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines) + "\n"


_COLUMNS = ("ours", "unit", "peer", "peer_figure", "ratio", "target", "holds")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def emit(records: Sequence[Mapping[str, Any]]) -> None:
    """Write each record as one JSON line."""
    for record in records:
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()
