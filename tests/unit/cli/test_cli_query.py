"""`privet query`: answers with errors, previews that spend nothing, budgets that are spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from privet.dp.query.result import readable

SQL = "SELECT city, COUNT(*) AS n, AVG(age) AS mean FROM t GROUP BY city"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVET_HOME", str(tmp_path / "home"))


@pytest.fixture
def people(patients: Path, schema: Path) -> Path:
    schema.write_text('unit = "row"\n' + schema.read_text())
    return patients


def test_an_answer_for_people_and_for_machines(privet: Any, people: Path) -> None:
    shown = privet("query", people, SQL, "--epsilon", "2")
    assert shown.code == 0, shown.err
    assert "±" in shown.out and "Bern" in shown.out and "Guarantee: (2, " in shown.out
    found = privet("query", people, SQL, "--epsilon", "2", "--json").json
    assert found["answers"][0]["columns"] == ["city", "n", "n_error", "mean", "mean_error"]
    assert [row[0] for row in found["answers"][0]["rows"]] == ["Bern", "Genf", "Chur"]


def test_errors_and_sql_are_shown_beforehand(privet: Any, people: Path) -> None:
    dry = privet("query", people, SQL, "--epsilon", "2", "--dry-run")
    assert dry.code == 0 and "Would guarantee" in dry.out and "any size" in dry.out
    explained = privet("query", people, SQL, "--epsilon", "2", "--explain")
    assert "WITH base AS" in explained.out and "HUGEINT" in explained.out
    found = privet("query", people, SQL, "--epsilon", "2", "--dry-run", "--json").json
    assert found["previews"][0]["groups"] == 3


def test_statements_of_a_file_share_a_budget_and_are_written(privet: Any, people: Path) -> None:
    Path("two.sql").write_text(f"{SQL}; -- and\nSELECT COUNT(*) AS n FROM t WHERE age > 40;")
    done = privet("query", people, "--file", "two.sql", "--epsilon", "1", "--out", "a.csv",
                  "--json")  # fmt: skip
    assert done.code == 0, done.err
    first, second = done.json["answers"]
    assert first["guarantee"] == second["guarantee"]
    assert first["guarantee"]["epsilon"] == 1.0 and len(first["guarantee"]["events"]) == 4
    assert Path("a-1.csv").read_text().startswith("city,n,n_error")
    assert Path("a-2.csv").read_text().startswith("n,n_error")
    for ending in ("xlsx", "arrow"):
        assert privet("query", people, SQL, "--epsilon", "1", "--out", f"b.{ending}").code == 0
        assert Path(f"b.{ending}").stat().st_size > 100


def test_public_tables_are_joined(privet: Any, people: Path) -> None:
    Path("regions.csv").write_text("city,region\nBern,west\nGenf,west\nChur,east\n")
    done = privet("query", people, "SELECT r.region, COUNT(*) AS n FROM patients p JOIN r ON "
                  "p.city = r.city GROUP BY 1", "--public", "r=regions.csv", "--epsilon", "4",
                  "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert sorted(row[0] for row in done.json["answers"][0]["rows"]) == ["east", "west"]


@pytest.mark.parametrize(("words", "said"), [
    (("SELECT age FROM t", "--epsilon", "1"), "lists values"),
    ((SQL, "--epsilon", "0"), "epsilon"),
    ((SQL, "--epsilon", "1", "--out", "a.txt"), "ending"),
    ((SQL, "--epsilon", "1", "--file", "x.sql"), "either"),
    (("--epsilon", "1", "--file", "x.sql"), "cannot be read"),
    ((SQL, "--epsilon", "1", "--public", "r"), "NAME=FILE"),
    ((SQL, "--epsilon", "1", "--relation", "mine"), "relation"),
    ((SQL, "--epsilon", "1", "--max-rows", "0"), "a row is the unit"),
])
def test_what_cannot_be_asked(privet: Any, people: Path, words: Any, said: str) -> None:
    done = privet("query", people, *words)
    assert done.code == 2 and said in done.err and "write:" in done.err


def test_a_table_without_a_schema_is_refused(privet: Any, patients: Path) -> None:
    done = privet("query", patients, SQL, "--epsilon", "1")
    assert done.code == 2 and "privet schema draft" in done.err


def test_a_registered_table_spends_its_budget_and_refusals_do_not(
    privet: Any, people: Path
) -> None:
    registered = privet("dataset", "register", "people", people, "--budget", "2", "--delta", "1e-2")
    assert registered.code == 0, registered.err
    asked = ("query", people, SQL, "--epsilon", "1.5", "--delta", "1e-3")

    def left() -> Any:
        return privet("budget", "show", "people", "--json").json

    before = left()
    assert privet(*asked, "--dry-run").code == 0
    assert privet("query", people, "SELECT age FROM t", "--epsilon", "1").code == 2
    assert left() == before
    done = privet(*asked, "--json")
    assert done.code == 0, done.err
    assert done.json["answers"][0]["guarantee"]["recorded"]
    assert left() != before
    again = privet(*asked)
    assert again.code == 2 and "left" in again.err


def test_values_are_shown_with_the_digits_that_their_error_leaves() -> None:
    assert readable(1234.5678, 12.3) == "1,235 ± 13"
    assert readable(0.123456, 0.0123) == "0.123 ± 0.013"
    assert readable(7, 0.0) == "7"
    assert readable(None, None) == "NULL"


def test_what_is_public_is_recorded_and_costs_nothing(privet: Any, people: Path) -> None:
    assert privet("dataset", "register", "people", people, "--budget", "1", "--delta",
                  "1e-2").code == 0  # fmt: skip
    before = privet("budget", "show", "people", "--json").json
    done = privet("query", people, "SELECT COUNT(*) AS n FROM t", "--epsilon", "1", "--json")
    assert done.code == 0, done.err
    assert done.json["answers"][0]["rows"] == [[80, 0.0]]
    after = privet("budget", "show", "people", "--json").json
    assert after.get("spent") == before.get("spent")


def test_a_join_spends_from_both_tables(privet: Any, tmp_path: Path) -> None:
    toml = '[unit]\ncolumn = "id"\nmax_rows = 2\n[columns.x]\nkind = "number"\nbounds = [0, 9]\n'
    for name, start in (("a", 0), ("b", 200)):
        rows = [f"p{i},{(i + start) % 9},{name}{i}" for i in range(start, start + 200)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,x,note", *rows]) + "\n")
        (tmp_path / f"{name}.toml").write_text(toml)
        made = privet("dataset", "register", name, f"{name}.csv", "--budget", "3", "--delta",
                      "1e-2")  # fmt: skip
        assert made.code == 0, made.err
    sql = "SELECT COUNT(*) AS n, SUM(b.x) AS s FROM a JOIN b ON a.id = b.id"
    asked = ("query", "a.csv", sql, "--with", "b=b.csv", "--epsilon", "2", "--delta", "1e-3")
    done = privet(*asked, "--json")
    assert done.code == 0, done.err
    assert done.json["answers"][0]["guarantee"]["recorded"]
    for name in ("a", "b"):
        table = f"SELECT AVG(x) AS v FROM {name}"
        again = privet("query", f"{name}.csv", table, "--epsilon", "2", "--delta", "1e-3")
        assert again.code == 2 and "left" in again.err


def test_approval_of_a_query_can_be_asked_for(privet: Any, people: Path) -> None:
    words = (people, SQL, "--epsilon", "1", "--reason", "the yearly table")
    assert privet("request", "query", *words).code == 2, "no ledger keeps the data"
    assert privet("dataset", "register", "people", people, "--budget", "1", "--delta",
                  "1e-2").code == 0  # fmt: skip
    asked = privet("request", "query", *words, "--json")
    # The question reached the ledger, which has no policy that could ask anybody.
    assert asked.code == 2 and "adopted no policy" in asked.err
    assert privet("request", "query", *words, "--dry-run").code == 2
