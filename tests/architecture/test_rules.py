"""The package keeps the rules, and each rule refuses a planted snippet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.rules import MAX_LINES, RULES, Module, modules_below

ROOT = Path(__file__).resolve().parents[2]
MODULES = modules_below(ROOT / "src" / "privet")

PLANTED = [
    ("randomness", "privet.dp.x", "import os\nseed = os.urandom(16)"),
    ("randomness", "privet.dp.x", "from os import urandom"),
    ("randomness", "privet.dp.x", "import secrets"),
    ("randomness", "privet.dp.x", "from random import SystemRandom"),
    ("randomness", "privet.protect.x", "import numpy as np\nrng = np.random.default_rng(0)"),
    ("randomness", "privet.protect.x", "from numpy.random import default_rng"),
    ("randomness", "privet.dp.x", "import jax\ndef f():\n    return jax.random.key(0)"),
    ("randomness", "privet.entropy_like", "import secrets"),
    ("printing", "privet.dp.x", "print('epsilon')"),
    ("printing", "privet.data.x", "import sys\nsys.stderr.write('x')"),
    ("printing", "privet.data.x", "from click import echo"),
    ("sockets", "privet.data.x", "import socket"),
    ("sockets", "privet.data.x", "from urllib.request import urlopen"),
    ("ledger", "privet.estimators.x", "import sqlite3"),
    ("governing", "privet.govern.x", "from privet.dp.accounting import epsilon_for"),
    ("governing", "privet.govern.x", "import privet.estimators"),
    ("jax_internals", "privet.dp.x", "from jax._src import core"),
    ("jax_internals", "privet.models.x", "import jax\nprimitive = jax.extend.core.Primitive"),
    ("swallowed", "privet.dp.x", "try:\n    f()\nexcept:\n    raise"),
    ("swallowed", "privet.dp.x", "try:\n    f()\nexcept ValueError:\n    pass"),
    ("swallowed", "privet.dp.x", "try:\n    f()\nexcept ValueError:\n    ..."),
    ("length", "privet.dp.x", "x = 1\n" * (MAX_LINES + 1)),
]

ALLOWED = [
    ("randomness", "privet.entropy", "import os\nseed = os.urandom(16)"),
    ("randomness", "privet.models.mlp", "import jax\nkey = jax.random.key(0)"),
    ("randomness", "privet.dp.x", "def f(random):\n    return random.words(3)"),
    ("printing", "privet.cli.doctor", "print('fine')"),
    ("sockets", "privet.net.tcp", "import socket, ssl"),
    ("ledger", "privet.govern.ledger", "import sqlite3"),
    ("governing", "privet.govern.x", "from privet.claims import Cost\nimport privet.errors"),
    ("jax_internals", "privet.graph.ops", "from jax.extend.core import Primitive"),
    ("governing", "privet.govern.x", "from privet.entropy import secret_stream"),
    ("swallowed", "privet.dp.x", "try:\n    f()\nexcept ValueError:\n    g()"),
    ("length", "privet.dp.x", "x = 1\n" * MAX_LINES),
]


@pytest.mark.parametrize("rule", RULES)
def test_package_keeps_rule(rule):
    found = [
        f"{module.name}:{line}: {what}" for module in MODULES for line, what in RULES[rule](module)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("rule", "name", "source"), PLANTED)
def test_rule_refuses_planted_snippet(rule, name, source):
    assert list(RULES[rule](Module(name, source)))


@pytest.mark.parametrize(("rule", "name", "source"), ALLOWED)
def test_rule_allows_what_is_meant(rule, name, source):
    assert not list(RULES[rule](Module(name, source)))


def test_every_rule_has_a_planted_snippet_and_something_to_look_at():
    assert {rule for rule, _, _ in PLANTED} == {rule for rule, _, _ in ALLOWED} == set(RULES)
    assert {"privet", "privet.errors", "privet.claims.cost"} <= {m.name for m in MODULES}


# Spelled in parts, so that this file does not name them.
ONE_MACHINE = re.compile("|".join(("/" + "work/", "/" + "root/", "/" + "opt/pypi")))
TEXTS = {".py", ".md", ".toml", ".ipynb", ".cpp", ".h", ".hpp", ".txt", ".html", ".css", ".cmake"}
PLACES = ("src", "native", "tests", "bench", "docs", "examples", "proofs", ".ci")
ALONE = ("README.md", "CHANGELOG.md", "SECURITY.md", "Makefile", "pyproject.toml", "CMakeLists.txt")


def texts():
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.is_file() and (path.suffix in TEXTS or place == ".ci"):
                yield path
    yield from (ROOT / name for name in ALONE if (ROOT / name).exists())


def test_no_path_of_one_machine():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if ONE_MACHINE.search(line)
    ]
    assert not found, found


def test_paths_of_one_machine_are_recognised():
    assert ONE_MACHINE.search("open('/" + "work/data.csv')")
    assert not ONE_MACHINE.search("network/work")
