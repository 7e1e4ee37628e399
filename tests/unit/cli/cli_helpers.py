"""Small data and processes for the tests of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """\
target = "ill"
bounds_from = "domain"

[columns.age]
kind = "number"
bounds = [0, 120]

[columns.city]
kind = "category"
categories = ["Bern", "Genf", "Chur"]

[columns.ill]
kind = "category"
categories = ["no", "yes"]
"""


@dataclass(frozen=True)
class Run:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def start(*words: str | Path, folder: Path, **extra: str) -> subprocess.Popen[str]:
    """Start `python -m privet` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "privet", *map(str, words)],
        cwd=folder, env=os.environ | extra, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def rows(count: int = 80) -> list[str]:
    """Lines of a small CSV in which illness goes with age."""
    lines = ["age,city,ill"]
    for i in range(count):
        age = 20 + (i * 37) % 60
        lines.append(f"{age},{('Bern', 'Genf', 'Chur')[i % 3]},{'yes' if age > 50 else 'no'}")
    return lines
