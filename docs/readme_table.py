"""Rewrites the table in the README by running the comparison it shows.

    python docs/readme_table.py

The test of the README runs the same comparison and holds the two tables against each other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent.parent / "README.md"
START = "<!-- table: written by docs/readme_table.py -->\n"
END = "<!-- end of table -->\n"


def measured(*arguments: str) -> dict[str, Any]:
    """The comparison that `privet compare demo:breast-cancer --json` prints."""
    command = [sys.executable, "-m", "privet", "compare", "demo:breast-cancer", "--json"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(comparison: dict[str, Any]) -> list[list[str]]:
    """Heading and lines: protection, accuracy and AUC as percentages, what is guaranteed."""
    lines = [["protection", "accuracy", "AUC", "guarantee, per person"]]
    for entry in comparison["entries"]:
        cells = [_percent(entry["scores"][metric]) for metric in ("accuracy", "auc")]
        lines.append([f"`{entry['label']}`", *cells, _claim(entry["guarantee"])])
    guess = comparison["baselines"]["accuracy"]["mean"]
    return [*lines, ["always the commoner class", f"{100 * guess:.1f} %", "50 %", "-"]]


def _percent(score: dict[str, Any]) -> str:
    half = 50 * (score["high"] - score["low"])
    return f"{100 * score['mean']:.1f} ± {half:.1f} %"


def _claim(guarantee: dict[str, Any]) -> str:
    if guarantee["kind"] != "dp":
        return "none"
    return f"({guarantee['epsilon']:g}, {guarantee['delta']:.1e})-differential privacy"


def markdown(comparison: dict[str, Any]) -> str:
    """The table and the line below it."""
    head, *lines = ("| " + " | ".join(row) + " |" for row in rows(comparison))
    seeds = len(comparison["seeds"])
    note = (
        f"Mean and 95 % interval over {seeds} random splits, {comparison['train_rows']} rows to "
        f"train on, one default configuration."
    )
    return "\n".join([head, "|---|---|---|---|", *lines, "", note, ""])


def between(text: str) -> str:
    """What stands between the two marks."""
    return text.split(START, 1)[1].split(END, 1)[0]


def main() -> None:
    """Measure and rewrite."""
    text = README.read_text(encoding="utf-8")
    table = markdown(measured("--seeds", "10"))
    README.write_text(text.replace(START + between(text) + END, START + table + END), "utf-8")


if __name__ == "__main__":
    main()
