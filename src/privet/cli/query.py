"""`privet query`: SQL with a privacy budget; errors before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privet.cli.ledgers import data_ledger_option
from privet.cli.options import (
    budget,
    chance,
    delta_option,
    output_options,
    purpose_option,
    table_options,
)
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.cli.sources import Source
    from privet.dp.query.result import Answer, Preview

ENDINGS = (".csv", ".xlsx", ".arrow")


@click.command("query", short_help="Answer SQL under a privacy budget.")
@click.argument("data")
@click.argument("sql", required=False)
@click.option("--file", "sql_file", metavar="FILE",
              help="A file of statements, with ; between them, that share the budget.")
@click.option("--epsilon", required=True, metavar="NUMBER",
              help="The privacy budget of everything that is asked, together. Smaller is more "
              "private; 1 is a common choice.")
@delta_option
@click.option("--schema", "schema_file", metavar="FILE",
              help="TOML file with the bounds, categories and privacy unit. Default: the file "
              "with DATA's name and the ending .toml, if there is one.")
@table_options
@click.option("--with", "others", multiple=True, metavar="NAME=FILE",
              help="Another private table, with its schema beside it, to join on the unit's id. "
              "DATA is then called by its file's name.")
@click.option("--public", "publics", multiple=True, metavar="NAME=FILE",
              help="A table that holds nobody's data, to join with.")
@click.option("--relation", default="zero-out", show_default=True, metavar="NAME",
              help="Which data sets are neighbours: zero-out (the number of rows is public), "
              "add-remove or replace-one.")
@click.option("--max-rows", type=int, metavar="NUMBER",
              help="The most rows of one unit that count. Default: the schema's max_rows.")
@click.option("--max-groups", type=int, metavar="NUMBER",
              help="The most groups in which one unit counts.")
@click.option("--max-rows-per-group", type=int, metavar="NUMBER",
              help="The most rows of one unit that count in each of these groups.")
@click.option("--weight", metavar="COLUMN", help="Survey weights, with bounds in the schema.")
@click.option("--memory-limit", metavar="SIZE",
              help="The most memory of the engine, such as 2GB; more goes to disk for a while.")
@click.option("--dry-run", is_flag=True,
              help="Show the errors of the answers and the cost, and spend nothing.")
@click.option("--explain", is_flag=True,
              help="Show the SQL that the engine would run, and spend nothing.")
@click.option("--out", metavar="FILE",
              help="Also write the answer to a .csv, .xlsx or .arrow file; several statements "
              "are numbered.")
@purpose_option
@data_ledger_option
@output_options
def command(
    data: str, sql: str | None, sql_file: str | None, epsilon: str, delta: str | None,
    schema_file: str | None, table: str | None, query: str | None, others: Sequence[str],
    publics: Sequence[str], relation: str, max_rows: int | None, max_groups: int | None,
    max_rows_per_group: int | None, weight: str | None, memory_limit: str | None, dry_run: bool,
    explain: bool, out: str | None, purpose: str, as_json: bool,
) -> None:
    """Answer SQL so that nobody's rows can be told from the answer.

    Every number comes with its error, the half-width of a 95 % interval. What cannot be answered
    privately is refused with the clause and a remedy, by the text and the schema alone; that
    costs nothing.

    DATA is a CSV or Parquet file, or a database with --table or --query.

    \b
    Examples:
      privet query people.csv "SELECT city, AVG(age) FROM people GROUP BY city" --epsilon 1
      privet query people.csv --file queries.sql --epsilon 1 --dry-run
    """
    from privet.cli.asking import watched
    from privet.cli.sources import Source, open_data
    from privet.estimators.query import query as answer

    source = Source(data, schema_option=schema_file, table=table, query=query)
    files = _files(out, reads=(data, sql_file, source.schema_file))
    texts = _texts(sql, sql_file)
    amount, part = budget(epsilon), chance(delta)
    rows: Any = _private(source)
    rows, steward = watched(rows)
    public = {name: open_data(Source(file)) for name, file in _pairs(publics, "--public")}
    if others or public:
        own = source.name or "data"
        rows = {own: rows} | {
            name: _private(Source(file)) for name, file in _pairs(others, "--with")}
    asked: dict[str, Any] = {
        "epsilon": amount, "delta": part, "relation": relation, "public": public,
        "max_rows": max_rows, "max_groups": max_groups, "max_rows_per_group": max_rows_per_group,
        "weight": weight, "memory_limit": memory_limit, "purpose": purpose,
        "dry_run": dry_run or explain,
        **steward,
    }
    found = answer(texts, rows, **asked)
    _report(found, files, explain=explain, as_json=as_json)


def _texts(sql: str | None, file: str | None) -> list[str]:
    """The statements that are asked.

    Raises:
        InvalidInput: none, or both an argument and a file.
    """
    if (sql is None) == (file is None):
        raise InvalidInput("either a statement or --file says what is asked",
                           value="both" if sql else "neither", bound="one of the two",
                           remedy='privet query DATA "SELECT COUNT(*) FROM t" --epsilon 1')
    if sql is not None:
        return [sql]
    from privet.dp.query.build import statements

    place = Path(str(file))
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidInput(f"the file of statements cannot be read ({reason})", value=str(place),
                           bound="a text file", remedy="--file queries.sql") from None
    return statements(text)


def _pairs(given: Sequence[str], option: str) -> list[tuple[str, str]]:
    """NAME=FILE as (name, file).

    Raises:
        InvalidInput: a part is missing.
    """
    found = [item.partition("=") for item in given]
    for name, mark, file in found:
        if not (name and mark and file):
            raise InvalidInput(f"{option} needs a name and a file", value=name,
                               bound="NAME=FILE", remedy=f"{option} regions=regions.csv")
    return [(name, file) for name, _, file in found]


def _private(source: Source) -> Any:
    """A private table with its schema.

    Raises:
        MissingBounds: there is no schema.
    """
    from privet.cli.sources import missing_bounds, open_data, source_of

    if source.schema_file is None:
        source_of(source.data)
        raise missing_bounds(source, "an answer needs bounds that do not come from the rows, and "
                             "no schema gives them")
    return open_data(source)


def _files(out: str | None, *, reads: Sequence[str | None]) -> Path | None:
    """The file to write.

    Raises:
        InvalidInput: it cannot be written, or its ending says no known kind.
    """
    if out is None:
        return None
    from privet.cli.files import writable

    if Path(out).suffix.lower() not in ENDINGS:
        raise InvalidInput("the ending of --out says no known kind of file", value=out,
                           bound=", ".join(ENDINGS), remedy="--out answer.csv")
    return writable(out, reads=reads)


def _report(
    found: Sequence[Any], file: Path | None, *, explain: bool, as_json: bool
) -> None:
    from privet.cli.console import print_json, say
    from privet.dp.query.result import Preview

    previews = [item for item in found if isinstance(item, Preview)]
    answers = [item for item in found if not isinstance(item, Preview)]
    written = [] if file is None else [
        _write(answer, file if len(answers) == 1 else file.with_stem(f"{file.stem}-{place}"))
        for place, answer in enumerate(answers, start=1)
    ]
    if as_json:
        print_json({"answers" if answers else "previews": [item.to_json() for item in found],
                    "files": [str(path) for path in written]})
        return
    for preview in previews:
        _print_preview(preview, explain=explain)
    for answer in answers:
        _print_answer(answer)
    for path in written:
        say(f"Answer: {path}")
    claim = found[0].guarantee
    say(f"{'Would guarantee' if previews else 'Guarantee'}: {claim}")


def _write(answer: Answer, path: Path) -> Path:
    from privet.cli.files import whole_file, write_text

    if path.suffix.lower() == ".csv":
        write_text(path, answer.to_csv())
        return path
    content = answer.to_xlsx() if path.suffix.lower() == ".xlsx" else answer.to_ipc()
    with whole_file(path) as part:
        part.write_bytes(content)
    return path


def _print_answer(answer: Answer) -> None:
    from privet.cli.console import Heading, print_table, say

    headings = [Heading(title, right=place > 0) for place, title in enumerate(answer.titles)]
    print_table("", headings, answer.shown())
    for note in answer.notes:
        say(f"Note: {note}.")


def _print_preview(preview: Preview, *, explain: bool) -> None:
    from privet.cli.console import Heading, print_table, say

    say(preview.statement)
    if explain:
        say(preview.sql)
    headings = [Heading("column"), Heading("95 % error", right=True), Heading("in a group of")]
    print_table("", headings, [
        [column.name, f"± {column.error:.4g}",
         "any size" if column.rows is None else f"{column.rows:,} rows"]
        for column in preview.columns
    ])
    if preview.groups is not None:
        say(f"Groups: {preview.groups:,}, all known from the schema.")
    for note in preview.notes:
        say(f"Note: {note}.")
