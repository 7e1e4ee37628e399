"""Files are written whole or not at all; tables fit narrow windows."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from privet.cli.console import Heading, _fitting, _plain, print_table, say
from privet.cli.errors import printable
from privet.cli.files import whole_file, writable, write_text
from privet.cli.options import epsilons, names
from privet.errors import InvalidBudget, InvalidInput


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_writing_replaces_the_file_and_keeps_ordinary_rights(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "one\n")
    write_text(target, "two\n")
    assert target.read_bytes() == b"two\n"
    ordinary = tmp_path / "b.txt"
    ordinary.write_text("")
    assert target.stat().st_mode == ordinary.stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("path", "problem"), [("no/such/a.txt", "does not exist"), (".", "is a folder")]
)
def test_an_impossible_place_is_refused_at_once(tmp_path: Path, path: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        writable(tmp_path / path)


def test_a_place_that_cannot_be_written_to(tmp_path: Path, monkeypatch) -> None:
    import tempfile

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write anywhere
    with pytest.raises(InvalidInput, match="Permission denied"):
        writable(tmp_path / "a.txt")


def test_unimportant_columns_go_first() -> None:
    headings = [Heading("name"), Heading("a" * 20, rank=1), Heading("b" * 20, rank=2)]
    rows = [["x" * 20, "1", "2"]]
    assert _fitting(headings, rows, 100) == (0, 1, 2)
    assert _fitting(headings, rows, 60) == (0, 1)
    assert _fitting(headings, rows, 30) == (0,)
    assert _fitting(headings, rows, 5) == (0,)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_fit_the_window(width: int, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    headings = [Heading("protection"), *(Heading(f"figure {i}", rank=i) for i in range(9))]
    print_table("Title", headings, [["private eps=0.5", *["0.951 +- 0.012"] * 9]])
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("Left out")) <= width
    assert "private eps=0.5" in "\n".join(lines)
    assert any("Left out" in line for line in lines)


def test_no_colour_when_not_wanted(capsys, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    print_table("Title", [Heading("a")], [["b"]])
    assert "\x1b[3" not in capsys.readouterr().out


def test_control_characters_never_reach_the_terminal(capsys) -> None:
    print_table("Title", [Heading("a\x1b[31m")], [["b\x1b]0;owned\x07"]])
    say("c\x1b[2J")
    assert "\x1b" not in capsys.readouterr().out
    assert printable("d\x1b[2J\ne") == "d\ufffd[2J\ne"


def test_json_has_no_nan() -> None:
    assert _plain({"a": (math.nan, 1.5), 2: math.inf}) == {"a": [None, 1.5], "2": None}


def test_lists_are_read_with_commas() -> None:
    assert epsilons("0.5, 1,3,1") == [0.5, 1.0, 3.0]
    assert names("private,PLAIN") == ["private", "plain"]


@pytest.mark.parametrize(
    "text", ["0", "-1", "nan", "inf", "a", "", ",", "1,-3", "1,,2", "1,", ",2"]
)
def test_budgets_that_mean_nothing(text: str) -> None:
    with pytest.raises(InvalidBudget):
        epsilons(text)


def test_a_lost_budget_is_told_with_the_line_to_write() -> None:
    with pytest.raises(InvalidBudget, match="beside one of its commas") as caught:
        epsilons("1,,2")
    assert (caught.value.value, caught.value.remedy) == ("1,,2", "--epsilon 1,2")
    assert caught.value.bound


@pytest.mark.parametrize("text", ["", "secret", "plain,shared", "plain,,private", "plain,"])
def test_protections_that_are_not_built(text: str) -> None:
    with pytest.raises(InvalidInput, match="plain"):
        names(text)


def test_no_output_takes_the_place_of_an_input(privet, patients, schema):
    before = patients.read_bytes(), schema.read_bytes()
    model = patients.with_name("m.safetensors")
    assert privet("train", patients, "--protect", "plain", "--out", model).code == 0
    kept = model.read_bytes()
    for words in (
        ("train", patients, "--protect", "plain", "--out", patients),
        ("train", patients, "--protect", "plain", "--out", schema),
        ("compare", patients, "--protect", "plain", "--html", schema),
        ("schema", "draft", patients, "--out", patients),
        ("schema", "draft", patients, "--out", schema),
        ("predict", model, patients, "--out", patients),
        ("predict", model, patients, "--out", model),
    ):
        done = privet(*words)
        assert done.code == 2 and "would replace a file" in done.err, words
    assert (patients.read_bytes(), schema.read_bytes(), model.read_bytes()) == (*before, kept)


def test_a_mistyped_kind_is_refused_before_the_budget_is_spent(privet, patients):
    words = ("--private", "--epsilon", "1", "--kind", "age=nubmer")
    done = privet("schema", "draft", patients, *words)
    assert done.code == 2 and "--kind age=number" in done.err
