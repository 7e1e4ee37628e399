"""Rules of the code that import-linter cannot see, each a function over one parsed module.

A rule yields `(line, what is wrong)`. `RULES` names them; `PLANTED` in the test shows each a
snippet that it must refuse.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MAX_LINES = 400
Finding = tuple[int, str]


@dataclass(frozen=True)
class Module:
    """One module: its dotted name and its source."""

    name: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    def inside(self, *rooms: str) -> bool:
        """True if the module is one of these, or stands below one."""
        return any(self.name == room or self.name.startswith(room + ".") for room in rooms)

    @cached_property
    def names(self) -> list[Finding]:
        """Every imported or used dotted name, aliases resolved: `np.random` is numpy.random."""
        aliases: dict[str, str] = {}
        found: list[Finding] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for item in node.names:
                    root = item.name.split(".")[0]
                    aliases[item.asname or root] = item.name if item.asname else root
                    found.append((node.lineno, item.name))
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for item in node.names:
                    whole = f"{node.module}.{item.name}"
                    aliases[item.asname or item.name] = whole
                    found.append((node.lineno, whole))
        for node in ast.walk(self.tree):
            dotted = _dotted(node, aliases)
            if dotted:
                found.append((node.lineno, dotted))  # type: ignore[attr-defined]  # Name or Attribute
        return found

    def uses(self, *wanted: str) -> Iterator[Finding]:
        """Where one of the dotted names, or something below it, is imported or used."""
        for line, name in self.names:
            for item in wanted:
                if name == item or name.startswith(item + "."):
                    yield line, name


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return None
    return ".".join([aliases[node.id], *reversed(parts)])


def randomness(module: Module) -> Iterator[Finding]:
    """Only entropy reads the system's randomness; jax.random also initialises models."""
    if module.inside("privet.entropy"):
        return
    sources = ["os.urandom", "os.getrandom", "secrets", "random", "numpy.random", "uuid.uuid4"]
    if not module.inside("privet.models"):
        sources.append("jax.random")
    for line, name in module.uses(*sources):
        yield line, f"{name}: only privet.entropy reads randomness"


def printing(module: Module) -> Iterator[Finding]:
    """Only cli writes to the terminal."""
    if module.inside("privet.cli"):
        return
    for line, name in module.uses("sys.stdout", "sys.stderr", "click.echo", "rich.print"):
        yield line, f"{name}: only privet.cli prints"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == "print":
            yield node.lineno, "print: only privet.cli prints"


def sockets(module: Module) -> Iterator[Finding]:
    """Only net talks to other machines."""
    if module.inside("privet.net"):
        return
    wanted = (
        "socket",
        "ssl",
        "socketserver",
        "http",
        "urllib.request",
        "requests",
        "httpx",
        "grpc",
    )
    for line, name in module.uses(*wanted, "asyncio.open_connection", "asyncio.start_server"):
        yield line, f"{name}: only privet.net opens sockets"


def ledger(module: Module) -> Iterator[Finding]:
    """Only govern.ledger writes the ledger, so nobody else opens its database."""
    if module.inside("privet.govern.ledger"):
        return
    for line, name in module.uses("sqlite3", "privet.govern.ledger._write"):
        yield line, f"{name}: only privet.govern.ledger writes the ledger"


def governing(module: Module) -> Iterator[Finding]:
    """Govern sees claims, errors and, for keys and salts, entropy; never a technique."""
    if not module.inside("privet.govern"):
        return
    allowed = ("privet.claims", "privet.errors", "privet.entropy", "privet.govern")
    for line, name in module.uses("privet"):
        if not any(name == room or name.startswith(room + ".") for room in allowed):
            yield line, f"{name}: govern sees only claims, errors and entropy"


def jax_internals(module: Module) -> Iterator[Finding]:
    """Only graph.trace and graph.ops touch what JAX may change at any release."""
    if module.inside("privet.graph.trace", "privet.graph.ops"):
        return
    for line, name in module.uses("jax._src", "jax.core", "jax.extend", "jax.interpreters"):
        yield line, f"{name}: only privet.graph.trace and privet.graph.ops touch JAX internals"


def swallowed(module: Module) -> Iterator[Finding]:
    """No error is caught by a bare except, or caught and dropped."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield node.lineno, "bare except"
            if all(isinstance(line, ast.Pass) or _is_ellipsis(line) for line in node.body):
                yield node.lineno, "an error is caught and dropped"


def _is_ellipsis(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and line.value.value is Ellipsis
    )


def length(module: Module) -> Iterator[Finding]:
    """One concept fits in a few hundred lines."""
    lines = module.source.count("\n")
    if lines > MAX_LINES:
        yield lines, f"{lines} lines, at most {MAX_LINES}"


RULES: dict[str, Callable[[Module], Iterator[Finding]]] = {
    rule.__name__: rule
    for rule in (
        randomness,
        printing,
        sockets,
        ledger,
        governing,
        jax_internals,
        swallowed,
        length,
    )
}


def modules_below(root: Path) -> list[Module]:
    """Every module of the package whose folder is `root`."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found.append(Module(name, path.read_text(encoding="utf-8")))
    return found
