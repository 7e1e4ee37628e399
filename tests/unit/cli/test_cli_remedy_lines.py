"""Every line of the shell that a message says to write is one that the command line takes.

The lines are read from the source: whatever text begins with a command of privet, and all that a
remedy contains. Placeholders in capitals are filled in. Names have spaces, and must be quoted.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import privet
from privet.cli.main import COMMANDS, cli

SOURCE = Path(privet.__file__).parent
PLACES = sorted(SOURCE.rglob("*.py"))
NAMED = re.compile(rf"privet (?:{'|'.join(sorted(COMMANDS, key=len, reverse=True))})\b")
ENDS = re.compile(r"\s+#|;|`|'|,? then:? |,? and (?=privet )|, and if|\s>\s|\n|, |\. ")
"""What follows a command in a sentence: a comment, another command, a redirection."""
FILLED = {"NAME": "patients", "FILE": "file", "DATA": "data.csv", "COL": "id", "COLUMN": "id",
          "E": "1", "EPSILON": "1", "NUMBER": "1", "TEXT": "words", "ROLE": "officer",
          "JOB": "ab12cd", "HEX": "ab" * 16, "MODEL": "m.safetensors", "ENTRY": "1"}  # fmt: skip
WRITTEN = {
    # Expressions inside of the lines whose value is one of few words, or several.
    "missing[0]": "card",
    "ctx.invoked_subcommand": "adopt",
    "named": " --parent 1",
    # Numbers and digests, which need no quotes.
    **dict.fromkeys(("case.job", "job", "job[:12]", "entry", "epsilon", "held[0]['entry']",
                     "ledger.head().key", "item.receipt.entry.seq"), "1"),
    "owned": " --owner-key FILE",
    "asks": "train data.csv",
    "self.words": "data.csv",
    "target": " --target 1",
    "next(iter(RECORDED))": "dpia",
}


def text_of(node: ast.AST, known: dict[str, str]) -> str | None:
    """The text of an expression, with what is computed filled in; None if it is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(part, known) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [text_of(side, known) for side in (node.left, node.right)]
        return None if None in parts else "".join(map(str, parts))
    if isinstance(node, ast.Name):
        return known.get(node.id)
    return None


def _part(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.FormattedValue):
        written = ast.unparse(node.value)
        quoted = written.startswith("shlex.quote(")
        return WRITTEN.get(written) or known.get(written) or ('"a b"' if quoted else "a b")
    return text_of(node, known) or ""


def _quoted(function: ast.FunctionDef | None) -> dict[str, str]:
    """The variables of a function that hold a quoted name."""
    return {} if function is None else {
        target.id: '"a b"' for node in ast.walk(function) if isinstance(node, ast.Assign)
        and ast.unparse(node.value).startswith("shlex.quote(")
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip


def texts(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line number, text, and whether it is a remedy, of every text that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = {target.id: found for node in tree.body if isinstance(node, ast.Assign)
             for target in node.targets if isinstance(target, ast.Name)
             and (found := text_of(node.value, {})) is not None}  # fmt: skip
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    prose |= {id(argument) for node in ast.walk(tree) if isinstance(node, ast.Call)
              and ast.unparse(node.func) == "secret_stream" for argument in node.args}
    prose |= {id(node.value) for node in tree.body if isinstance(node, ast.Assign)
              and ast.unparse(node.targets[0]) == "FORMAT"}  # fmt: skip
    inner = {id(child) for node in ast.walk(tree)
             if isinstance(node, (ast.JoinedStr, ast.BinOp)) and text_of(node, known) is not None
             for child in ast.walk(node) if child is not node}  # fmt: skip
    remedies = {id(node.value) for node in ast.walk(tree)
                if isinstance(node, ast.keyword) and node.arg == "remedy"}  # fmt: skip
    quoted = {id(child): function for function in ast.walk(tree)
              if isinstance(function, ast.FunctionDef) for child in ast.walk(function)}  # fmt: skip
    for node in ast.walk(tree):
        if id(node) not in prose and id(node) not in inner and isinstance(node, ast.expr):
            found = text_of(node, known | _quoted(quoted.get(id(node))))
            if found is not None and not isinstance(node, ast.Name):
                yield node.lineno, found, id(node) in remedies


def commands(text: str, *, anywhere: bool) -> Iterator[str]:
    """The command lines in a text."""
    for match in NAMED.finditer(text):
        if anywhere or match.start() == 0 or text[: match.start()].endswith((": ", "; ")):
            yield ENDS.split(text[match.start():], maxsplit=1)[0]


def all_lines() -> list[tuple[str, str]]:
    found = []
    for path in PLACES:
        for number, text, remedy in texts(path):
            for line in commands(text, anywhere=remedy):
                found.append((f"{path.relative_to(SOURCE)}:{number}", line))
    return found


LINES = all_lines()


def parse(line: str) -> None:
    """Parse a command line as far as running it.

    Raises:
        click.ClickException: a word or an option is wrong, or something is missing.
    """
    words = [FILLED.get(word, word) for word in shlex.split(line.replace("...", "x"))][1:]
    group: click.Command = cli
    context: Any = None
    while words or isinstance(group, click.Group):
        context = group.make_context(group.name, words, parent=context)
        if not isinstance(group, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        if not rest and group.invoke_without_command:
            return
        _, found, words = group.resolve_command(context, rest)
        assert found is not None
        group = found
        if not words:
            group.make_context(group.name, [], parent=context)
            return


@pytest.mark.parametrize(("place", "line"), LINES, ids=[f"{place} {line}" for place, line in LINES])
def test_a_line_to_write_is_one_that_works(place: str, line: str) -> None:
    try:
        parse(line)
    except click.exceptions.Exit as done:
        assert done.exit_code == 0, (place, line)
    except click.ClickException as error:
        pytest.fail(f"{place}: {line!r}: {error.format_message()}")


@pytest.mark.parametrize("line", [
    "privet dataset register NAME FILE --unit COL",  # without a budget
    "privet budget show a b",  # two names
    "privet ledger adopt", "privet ledger shwo 1", "privet report --formt card", "privet approve",
])  # fmt: skip
def test_a_line_that_does_not_work_is_found(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(line)


def test_the_lines_are_found() -> None:
    files = {place.split(":")[0] for place, _ in LINES}
    assert len(LINES) > 60
    assert {"govern/policy/rules.py", "govern/budget/relatives.py", "cli/ledgers.py"} <= files
