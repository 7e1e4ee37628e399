"""Runs the fenced blocks of a Markdown page in order, as a reader would.

A comment on the line above a fence says what differs from "run it, it must succeed":

    <!-- file: patients.toml -->   write the block to that file
    <!-- output -->                the last block printed this; numbers may differ
    <!-- exit: 2 -->               the commands end with this code
    <!-- raises: MissingBounds --> the Python block ends with this error
    <!-- not run: reason -->       shown only

Python blocks of a page share their names; console blocks run each `$ ` line in bash. Blocks of
other languages are shown only, unless they are written to a file.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK = re.compile(
    r"(?:^<!--\s*(?P<word>file|output|exit|raises|not run)(?::\s*(?P<value>.*?))?\s*-->\n)?"
    r"^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block, where it starts, and the comment above it."""

    page: str
    line: int
    language: str
    body: str
    word: str | None = None
    value: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = path.read_text(encoding="utf-8")
    fences = sum(line.startswith("```") for line in text.splitlines())
    found = [
        Block(
            page=path.name,
            line=text.count("\n", 0, match.start("body")),
            language=match["language"],
            body=match["body"],
            word=match["word"],
            value=match["value"] or "",
        )
        for match in BLOCK.finditer(text)
    ]
    assert 2 * len(found) == fences, f"{path.name}: a fence is not closed or not understood"
    return found


def commands(body: str) -> list[str]:
    """The lines after `$ `, with those that a backslash continues."""
    joined = re.sub(r"\s*\\\n\s*", " ", body)
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def shape(text: str) -> list[str]:
    """The lines without what may differ from run to run: numbers, rules, widths."""
    lines = []
    for line in text.splitlines():
        line = re.sub(r"[-\u2010-\u2015\u2500-\u257f=|]{2,}", "", line)
        line = re.sub(r"\d[\d.,]*(e[-+]?\d+)?", "#", line)
        line = " ".join(line.split())
        if line:
            lines.append(line)
    return lines


@dataclass
class Reader:
    """Follows one page in an empty folder."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    printed: str = ""

    def follow(self, block: Block) -> None:
        """Do what the block says; an AssertionError names it if that does not work."""
        if block.word == "not run":
            assert block.value, f"{block.place}: not run, but no reason is given"
        elif block.word == "file":
            (self.folder / block.value).write_text(block.body, encoding="utf-8")
        elif block.word == "output":
            self._compare(block)
        elif block.language == "python":
            self._python(block)
        elif block.language == "console":
            self._console(block)

    def _compare(self, block: Block) -> None:
        printed = shape(self.printed)
        absent = [line for line in shape(block.body) if line not in printed]
        assert not absent, f"{block.place}: not printed: {absent}\n--- printed:\n{self.printed}"

    def _python(self, block: Block) -> None:
        code = compile("\n" * block.line + block.body, block.page, "exec")
        expected = block.value if block.word == "raises" else None
        out = io.StringIO()
        ended = None
        with contextlib.redirect_stdout(out), contextlib.chdir(self.folder):
            try:
                exec(code, self.names)
            except Exception as error:
                if type(error).__name__ != expected:
                    raise
                ended = expected
                out.write(str(error))
        assert ended == expected, f"{block.place}: did not raise {expected}"
        self.printed = out.getvalue()

    def _console(self, block: Block) -> None:
        lines = commands(block.body)
        assert lines, f"{block.place}: a console block without a `$ ` line"
        wanted = int(block.value) if block.word == "exit" else 0
        home = Path(sys.executable).parent
        shim = 'privet() { python -m privet "$@"; }\nset -e -o pipefail\n'
        done = subprocess.run(
            ["bash", "-c", shim + "\n".join(lines)],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{home}:{os.environ['PATH']}", "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.printed = done.stdout + done.stderr
        assert done.returncode == wanted, f"{block.place}: exit {done.returncode}\n{self.printed}"
