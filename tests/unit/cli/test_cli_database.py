"""Databases on the command line: drafting for a table, and errors that name options."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from privet.cli.sources import Source
from privet.cli.wording import as_options, in_prose
from tests.unit.cli.cli_helpers import rows


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A DuckDB file whose name needs quotes, with two tables."""
    lines = tmp_path / "lines.csv"
    lines.write_text("\n".join(rows()) + "\n")
    path = tmp_path / "my visits.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE visits AS SELECT * FROM read_csv('{lines}')")
        con.execute("CREATE TABLE other AS SELECT 1 AS x")
    lines.unlink()
    return path


@pytest.mark.parametrize("words", [
    ["--table", "visits"], ["--query", "SELECT * FROM visits WHERE age > 30"],
])  # fmt: skip
@pytest.mark.parametrize("private", [False, True])
def test_a_schema_is_drafted_for_a_table_or_a_query(
    privet, database: Path, words: list[str], private: bool
) -> None:
    if private:
        words = [*words, "--private", "--epsilon", "4", "--kind", "ill=no,yes", "--kind",
                 "age=number"]  # fmt: skip
    done = privet("schema", "draft", database, "--target", "ill", *words, "--json")
    assert done.code == 0, done.err
    assert set(done.json["schema"]["columns"]) == {"age", "city", "ill"}
    assert (done.json["guarantee"] is not None) == private


def test_the_way_to_a_schema_repeats_where_the_rows_are(privet, database: Path) -> None:
    query = "SELECT * FROM visits WHERE city = 'Bern'"
    for words, named in ((["--table", "visits"], "--table visits"),
                         (["--query", query], """--query 'SELECT * FROM visits WHERE city = """
                          """'"'"'Bern'"'"''""")):  # fmt: skip
        done = privet("compare", database.name, "--target", "ill", *words)
        assert done.code == 2
        line = next(line for line in done.err.splitlines() if line.startswith("  write: "))
        assert line.removeprefix("  write: ") == (
            f"privet schema draft 'my visits.duckdb' {named} --target ill > 'my visits.toml'")
        assert "run this again with --schema 'my visits.toml'" in done.err
        done = privet("train", database.name, *words, "--schema", "a b.toml", "--out", "m")
        assert f"privet schema draft 'my visits.duckdb' {named} > 'a b.toml'" in done.err


def test_the_line_that_is_advised_works(privet, database: Path) -> None:
    import shlex

    done = privet("compare", database.name, "--target", "ill", "--table", "visits")
    line = next(line for line in done.err.splitlines() if line.startswith("  write: "))
    words = shlex.split(line.removeprefix("  write: "))
    assert words[0] == "privet" and words[-2] == ">"
    done = privet(*words[1:-2])
    assert done.code == 0, done.err
    assert 'target = "ill"' in done.out


@pytest.mark.parametrize(("words", "said", "kept"), [
    (["my visits.duckdb"], "--table other", "one of 'other', 'visits'"),
    (["my visits.duckdb", "--table", "visits", "--query", "SELECT 1"], "--table visits",
     "--query and --table exclude each other"),
    (["sqlite:///lite.db"], "--table patients", "exactly one of --query and --table"),
    (["lines.csv", "--table", "visits"], "lines.csv   # without --query and --table",
     "--query and --table are for databases"),
    (["demo:breast-cancer", "--table", "visits"], "DATA   # without --query and --table",
     "--query and --table are for databases"),
])  # fmt: skip
@pytest.mark.parametrize("command", [["schema", "draft"], ["compare", "--protect", "plain"]])
def test_errors_name_options_and_no_arguments_of_python(
    privet, database: Path, tmp_path: Path, command: list[str], words: list[str], said: str,
    kept: str,
) -> None:  # fmt: skip
    sqlite3.connect(tmp_path / "lite.db").close()
    (tmp_path / "lines.csv").write_text("\n".join(rows()) + "\n")
    done = privet(*command, *words)
    assert done.code == 2
    assert f"write: {said}\n" in done.err + "\n" and kept in done.err, done.err
    assert "query=" not in done.err and "table=" not in done.err and "read(" not in done.err


def test_what_is_no_line_of_python_is_left_as_it_is() -> None:
    for line in ('target = "ill"', '[columns.age]\n         kind = "number"', "ls 'a b'",
                 "a larger delta, a smaller epsilon, or fewer steps", "--table=x", "model.fit(x)",
                 "delta=least(1)", "Net(model='x')", "protections=[pv.Plain()]", "\0"):  # fmt: skip
        assert as_options(line) == line
    assert in_prose("WHERE query=1 AND table='x'") == "WHERE query=1 AND table='x'"
    assert as_options("delta=1e-5") == "--delta 1e-5", "as it is written"


@pytest.mark.parametrize(("address", "shown"), [
    ("postgresql://me:geheim@host/db", "DATA --table t"),
    ("postgresql://host/db?password=geheim", "DATA --table t"),
    ("postgresql://host/db", "postgresql://host/db --table t"),
])  # fmt: skip
def test_passwords_are_never_repeated(address: str, shown: str) -> None:
    assert Source(address, table="t").words == shown
    assert Source(address, table="t").draft_line("s.toml") == (
        f"privet schema draft {shown} > s.toml")


def test_a_check_names_a_database_as_it_names_itself(privet, tmp_path: Path) -> None:
    """The address as it was typed may hold a password."""
    with sqlite3.connect(tmp_path / "lite.db") as con:
        con.execute("CREATE TABLE visits (age REAL, city TEXT, ill TEXT)")
        con.execute("INSERT INTO visits VALUES (41, 'Bern', 'no'), (67, 'Chur', 'yes')")
    con.close()
    words = ["sqlite:///lite.db", "--table", "visits"]
    done = privet("schema", "draft", *words, "--target", "ill", "--out", "s.toml")
    assert done.code == 0, done.err
    done = privet("schema", "check", "s.toml", *words)
    assert done.code == 0, done.err
    assert "s.toml fits table 'visits' on sqlite:///lite.db: 2 " in done.out
