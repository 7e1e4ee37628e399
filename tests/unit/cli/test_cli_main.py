"""The group: help that comes at once, versions, wrong words, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from privet.cli.errors import explain
from privet.cli.main import COMMANDS, cli
from privet.errors import Cancelled, InvalidInput

HEAVY = ("jax", "sklearn", "pandas", "polars", "scipy", "duckdb", "rich", "numpy", "pyarrow",
         "sqlalchemy", "cryptography", "jinja2")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["compare", "--help"], []])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['privet', *{words!r}]\n"
        "from privet.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n"
        f"    print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_version(privet) -> None:
    from privet import __version__

    assert privet("--version").out == f"privet {__version__}\n"


def test_every_command_is_reachable_and_explains_itself() -> None:
    ctx = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(ctx, name)
        assert command is not None, name
        assert command.name == name
        leaves = command.commands.values() if isinstance(command, click.Group) else [command]
        for leaf in leaves:
            assert leaf.help and "Example" in leaf.help, f"{name}: help without an example"
            options = {opt for param in leaf.params for opt in param.opts}
            assert {"--json", "--traceback"} <= options, leaf.name
            for param in leaf.params:
                if isinstance(param, click.Option):
                    assert param.help and param.help.endswith("."), (leaf.name, param.name)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_command(privet, name: str) -> None:
    done = privet(name, "-h")
    assert done.code == 0
    assert done.out.startswith(f"Usage: privet {name}")
    assert done.out == privet(name, "--help").out


def test_a_wrong_command_is_answered_with_the_right_one(privet) -> None:
    done = privet("compair")
    assert done.code == 2
    assert "Did you mean 'compare'?" in done.err
    assert "Traceback" not in done.err


def test_a_wrong_option_is_one_message(privet) -> None:
    done = privet("compare", "x.csv", "--epsilom", "1")
    assert done.code == 2
    assert done.err.startswith("Error: ")
    assert "--epsilon" in done.err
    assert "help: privet compare --help" in done.err


def test_errors_as_json(privet) -> None:
    done = privet("compare", "no.csv", "--json")
    error = json.loads(done.err)["error"]
    assert done.code == error["exit_code"] == 2
    assert done.out == ""
    assert error["kind"] == "DataError"
    assert error["value"] == "no.csv"
    assert error["problem"] and error["bound"] and error["remedy"]


def test_usage_errors_as_json(privet) -> None:
    done = privet("compare", "--json")
    assert done.code == 2
    assert "DATA" in json.loads(done.err)["error"]["message"]


def test_exit_codes_by_error() -> None:
    assert explain(InvalidInput("x"))[0] == 2
    assert explain(Cancelled("x"))[0] == 130
    assert explain(KeyboardInterrupt())[0] == 130
    assert explain(ZeroDivisionError())[0] == 1


def test_an_unexpected_error_shows_no_cell(privet, monkeypatch: pytest.MonkeyPatch) -> None:
    import privet.cli.doctor as doctor

    def fail() -> None:
        raise ValueError("could not convert 'Alice Miller' to float")

    monkeypatch.setattr(doctor, "examine", fail)
    done = privet("doctor")
    assert done.code == 1
    assert "Alice" not in done.err
    assert "--traceback" in done.err
    assert "Traceback" not in done.err
    assert "Alice" in privet("doctor", "--traceback").err
    assert "Alice" in privet("--traceback", "doctor").err


def test_a_broken_file_is_no_interrupt(privet, monkeypatch: pytest.MonkeyPatch) -> None:
    import privet.cli.doctor as doctor

    def fail() -> None:
        raise EOFError("Compressed file ended before the end")

    monkeypatch.setattr(doctor, "examine", fail)
    done = privet("doctor")
    assert done.code == 1
    assert "EOFError" in done.err


@pytest.mark.parametrize(("line", "option"), [
    ("delta=0.015", "--delta 0.015"),
    ('model="logistic"', "--model logistic"),
    ("epsilon=1e-3", "--epsilon 1e-3"),
    ("bounds = [0, 100]", "bounds = [0, 100]"),
    ("pv.Private(epsilon=1.0)", "--epsilon 1.0"),
    (None, None),
])  # fmt: skip
def test_lines_of_python_become_options(line: str | None, option: str | None) -> None:
    assert explain(InvalidInput("x", remedy=line))[1]["remedy"] == option
    assert (option or "x") in explain(InvalidInput("x", remedy=line))[1]["message"]


def test_an_old_terminal_gets_what_it_can_show(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "privet", "doctor"], capture_output=True,
                          cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii() and b"jax devices" in done.stdout


def test_a_closed_pipe_is_no_crash(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m privet doctor --json | head -c 1; exit ${{PIPESTATUS[1]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, cwd=tmp_path,
        timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


@pytest.mark.parametrize(("words", "said"), [
    ([], 'bounds_from = "domain"'),
    (["compare"], "not for release"),
    (["compare"], "1 / people"),
    (["train"], "1 / people"),
    (["predict"], "MODEL is a file that 'privet train' wrote"),
    (["schema", "draft"], 'bounds_from = "domain"'),
    (["schema", "check"], "still need"),
])  # fmt: skip
def test_help_says_what_a_user_must_know(privet, words: list[str], said: str) -> None:
    done = privet(*words, "--help")
    assert done.code == 0
    assert said in " ".join(done.out.split())
