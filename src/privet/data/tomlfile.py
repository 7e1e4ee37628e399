"""Reading and writing the schema's file: TOML with the comments people wrote into it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from privet.errors import SchemaError

Comments = dict[tuple[str, ...], str]
"""Comment lines by the table they belong to; () is the top of the file."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def heading(name: str) -> str:
    """Return the line that opens a column's table, quoted where TOML wants it.

    >>> heading("age"), heading("blood pressure")
    ('[columns.age]', '[columns."blood pressure"]')
    """
    bare = _BARE.fullmatch(name)
    return f"[columns.{name if bare else json.dumps(name, ensure_ascii=False)}]"


def read_toml(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Comments]:
    """Read a TOML file and the comments in it.

    Raises:
        SchemaError: no such file, not readable as text, or not TOML (with the line).
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SchemaError("there is no such schema file", value=str(path), bound="a TOML file",
                          remedy="privet schema draft DATA") from None
    except UnicodeDecodeError:
        raise SchemaError("the schema file is no UTF-8 text", value=str(path),
                          bound="a TOML file", remedy="privet schema draft DATA") from None
    except OSError as error:
        raise SchemaError(f"the schema file cannot be read ({error.strerror})", value=str(path),
                          bound="a readable TOML file",
                          remedy=f"chmod u+r {str(path)!r}") from None
    try:
        return tomllib.loads(text), read_comments(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"the schema file is not TOML: {error}", value=str(path),
                          bound="TOML", remedy='[columns.age]\n         kind = "number"') from None


def read_comments(text: str) -> Comments:
    """Collect the comments of valid TOML by table, those above its heading included.

    A comment behind a value is kept as a line of its own.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    table: tuple[str, ...] = ()
    waiting: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            waiting.append(stripped[1:].strip())
            continue
        if not stripped:
            # a comment set off by an empty line belongs to what stands above it
            found.setdefault(table, []).extend(waiting)
            waiting = []
            continue
        opened = _opened(stripped) if stripped.startswith("[") else None
        table = opened or table
        behind = _behind(stripped)
        found.setdefault(table, []).extend(waiting + ([behind] if behind else []))
        waiting = []
    found.setdefault(table, []).extend(waiting)
    return {key: "\n".join(lines) for key, lines in found.items() if lines}


def _opened(line: str) -> tuple[str, ...] | None:
    with suppress(tomllib.TOMLDecodeError):
        inner, keys = tomllib.loads(line), []
        while isinstance(inner, dict) and len(inner) == 1:
            key, inner = next(iter(inner.items()))
            keys.append(key)
        return tuple(keys)
    return None


def _behind(line: str) -> str | None:
    for match in re.finditer("#", line):
        with suppress(tomllib.TOMLDecodeError):
            tomllib.loads(line[: match.start()])
            return line[match.end() :].strip()
    return None


def to_toml(content: Mapping[str, Any], comments: Comments) -> str:
    """Write a mapping with at most two levels of tables, each under its comment."""
    import tomlkit

    lines = _comment(comments.get((), ""))
    flat = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    lines += [_line(key, value) for key, value in flat.items()]
    for key, table in content.items():
        if key in flat:
            continue
        nested = key == "columns"
        for name, inner in table.items() if nested else [(key, table)]:
            path = (key, name) if nested else (key,)
            opening = "[" + ".".join(tomlkit.key(part).as_string() for part in path) + "]"
            lines += ["", *_comment(comments.get(path, "")), opening]
            lines += [_line(inner_key, value) for inner_key, value in inner.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _line(key: str, value: Any) -> str:
    import tomlkit

    def inline(value: Any) -> Any:
        if isinstance(value, Mapping):
            table = tomlkit.inline_table()
            table.update(value)
            return table
        if isinstance(value, (list, tuple)):
            array = tomlkit.array()
            array.extend(map(inline, value))
            return array
        return value

    return f"{tomlkit.key(key).as_string()} = {tomlkit.item(inline(value)).as_string()}"


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in text.splitlines()]


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all: beside it first, then moved over it.

    Raises:
        OSError: the folder is absent or cannot be written; what was there stays.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
