"""The harness: names resolve, every record has the documented fields, ratios point one way."""

from __future__ import annotations

import json

import pytest

from bench import __main__ as command
from bench import harness
from bench.harness import BENCHMARKS, Figure, run, run_peer, runner, table

FIELDS = {"name", "ours", "unit", "peer", "peer_figure", "ratio", "target", "holds"}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_resolves_to_something_that_runs(name):
    assert callable(runner(name))


@pytest.mark.parametrize(
    ("lower", "ours", "peer", "ratio"),
    [
        (True, 2.0, 4.0, 2.0),
        (False, 2.0, 4.0, 0.5),
        (True, 2.0, None, None),
        (True, 0.0, 4.0, None),
    ],
)
def test_a_ratio_above_one_means_that_we_are_ahead(lower, ours, peer, ratio):
    figure = Figure(name="x", ours=ours, unit="s", peer_figure=peer, lower_is_better=lower)
    assert figure.ratio == ratio


@pytest.mark.parametrize(
    ("lower", "target", "holds"),
    [
        (True, 2.0, True),
        (True, 1.9, False),
        (False, 2.0, True),
        (False, 2.1, False),
        (True, None, None),
    ],
)
def test_targets_hold_or_do_not(lower, target, holds):
    figure = Figure(name="x", ours=2.0, unit="s", target=target, lower_is_better=lower)
    assert figure.holds is holds


@pytest.fixture
def stub(monkeypatch):
    """Registers a benchmark that returns what the test says."""

    def register(outcome):
        module = type("Stub", (), {"run": staticmethod(lambda quick: outcome)})
        monkeypatch.setattr(harness, "BENCHMARKS", {"stub": "stub"})
        monkeypatch.setattr(harness, "import_module", {"stub": module}.__getitem__)

    return register


@pytest.mark.parametrize(
    "outcome",
    [
        Figure(name="stub", ours=1.0, unit="s"),
        [Figure(name="stub/a", ours=1.0, unit="s"), Figure(name="stub/b", ours=2.0, unit="s")],
        {"ours": 1.0, "unit": "s"},
        [{"name": "stub/a", "ours": 1.0, "holds": True}],
    ],
    ids=["figure", "figures", "dict", "dicts"],
)
def test_every_outcome_becomes_lines_with_all_fields(stub, capsys, outcome):
    stub(outcome)
    assert command.main(["stub", "--quick"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == (len(outcome) if isinstance(outcome, list) else 1)
    for line in lines:
        record = json.loads(line)
        assert set(record) >= FIELDS
        assert record["name"].startswith("stub")
        assert record["quick"] is True


def test_a_target_that_is_missed_ends_with_one(stub):
    stub(Figure(name="stub", ours=2.0, unit="s", target=1.0))
    assert command.main(["stub"]) == 1


def test_all_rewrites_the_page(stub, monkeypatch, tmp_path, capsys):
    stub(Figure(name="stub", ours=2.0, unit="s", peer="other", peer_figure=3.0, target=4.0))
    monkeypatch.setattr(command, "PAGE", tmp_path / "benchmarks.md")
    assert command.main(["--all"]) == 0
    assert (
        "| stub | 2 | s | other | 3 | 1.5 | 4 | yes |" in (tmp_path / "benchmarks.md").read_text()
    )


def test_list_names_them(capsys):
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out.split() == list(BENCHMARKS)


@pytest.mark.parametrize("arguments", [["nothing"], []])
def test_an_unknown_name_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert "import" in capsys.readouterr().err


def test_unknown_figures_are_dashes():
    record = {**Figure(name="x", ours=1.0, unit="s").to_json()}
    assert "| x | 1 | s | - | - | - | - | - |" in table([record])


def test_an_absent_peer_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "PEERS", tmp_path)
    assert run_peer("nobody", tmp_path / "script.py") is None


def test_a_peer_prints_its_figure_last(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "PEERS", tmp_path)
    python = tmp_path / "echo" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho warming up\necho "{\\"figure\\": $2}"\n')
    python.chmod(0o755)
    assert run_peer("echo", tmp_path / "script.py", ["7"]) == {"figure": 7}


def test_run_refuses_a_name_it_does_not_have():
    with pytest.raises(KeyError):
        run("nothing", quick=True)


@pytest.mark.slow
def test_import_benchmark_measures_both_targets():
    records = run("import", quick=True)
    assert [record["name"] for record in records] == ["import/package", "import/help"]
    assert all(record["ours"] > 0 and record["target"] for record in records)
    assert records[0]["ratio"] > 1
