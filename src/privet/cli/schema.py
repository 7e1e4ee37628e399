"""`privet schema`: draft a schema from a file, and check one against a file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privet.cli.asking import steward_for
from privet.cli.ledgers import data_ledger_option
from privet.cli.options import budget, chance, given, output_options, table_options
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.claims import DPGuarantee
    from privet.cli.sources import Source
    from privet.data import Dataset, Schema
    from privet.data.readers import Reader

PURPOSE = "bounds of a schema"
_FOR_THE_CURATOR = "what is shown of the rows is for the curator's eyes and is not released"
_purpose = click.option(
    "--purpose", default=PURPOSE, show_default=True, metavar="TEXT",
    help="Why, for the ledger that keeps these data, if one does. Its policy may ask for it.",
)


@click.group("schema", short_help="Draft or check a schema.")
def command() -> None:
    """Draft or check a schema: the file that says what the columns may hold.

    A schema is a TOML file with the kind, bounds and categories of each column, what a missing
    value means, which column is predicted, and whose rows belong together. Private protections
    rely on it, because bounds that are taken from the data would reveal them.
    """


@command.command("draft", short_help="Write a first schema for data.")
@click.argument("data")
@table_options
@click.option("--out", metavar="FILE",
              help="The file to write. It is replaced if it exists. Default: standard output.")
@click.option("--target", metavar="COLUMN",
              help="The column to predict. The schema then names it for the other commands.")
@click.option("--private", is_flag=True,
              help="Find the bounds under differential privacy, so that they may be used as "
              "they are. This spends --epsilon.")
@click.option("--epsilon", default=None, metavar="NUMBER",
              help="The privacy budget to spend on the bounds, with --private.")
@click.option("--delta", default=None, metavar="NUMBER",
              help="The probability with which that guarantee may fail, with --private. "
              "Default: 1 / rows^1.1.")
@click.option("--kind", "kinds", multiple=True, metavar="COLUMN=KIND",
              help="What a column is, as publicly known, with --private: number, integer, "
              "boolean, identifier, ignore, or its categories with commas between them. May be "
              "given several times.")
@_purpose
@click.option("--keep-identifiers", is_flag=True,
              help="Keep columns that look like names, addresses or account numbers. They are "
              "left out of models otherwise.")
@data_ledger_option
@output_options
def draft(
    data: str, table: str | None, query: str | None, out: str | None, target: str | None,
    private: bool, epsilon: str | None, delta: str | None, kinds: tuple[str, ...], purpose: str,
    keep_identifiers: bool, as_json: bool,
) -> None:
    """Write a first schema for data, with a comment on every column that needs a look.

    Bounds and categories are copied from the data and marked so; private protections refuse
    them until a person has put in bounds known from the field, and has changed the mark to
    bounds_from = "domain". Columns that look like identifiers are left out of models.

    DATA is a CSV or Parquet file, demo:breast-cancer, or a database with --table or --query: a
    DuckDB file, or an address such as postgresql://HOST/NAME.

    A registered data set is drafted from with --private. Without it, its policy must allow what
    shows bounds and categories in the clear, and the ledger records it.

    \b
    Examples:
      privet schema draft patients.csv --target outcome > patients.toml
      privet schema draft visits.duckdb --table visits --target ill > visits.toml
      privet schema draft patients.csv --private --epsilon 0.5 --kind ill=no,yes --target ill
    """
    from privet.claims import to_json
    from privet.cli.console import print_json
    from privet.cli.files import writable, write_text
    from privet.cli.sources import Source

    if not private and (given("epsilon") or given("delta") or kinds):
        raise InvalidInput("--epsilon, --delta and --kind mean nothing without --private",
                           bound="--private --epsilon NUMBER", remedy="--private --epsilon 0.5")
    if private and epsilon is None:
        raise InvalidInput("--private spends a budget, and none is given",
                           bound="--epsilon with a number above 0",
                           remedy="--private --epsilon 0.5")
    source = Source(data, target, table=table, query=query)
    # A schema that is there may have been edited by hand; a draft does not take its place.
    file = None if out is None else writable(out, reads=(data, source.schema_file))
    found, guarantee = (
        _private(source, str(epsilon), delta, _kinds(kinds, keep_identifiers), purpose) if private
        else (_plain(source, keep_identifiers, purpose), None)
    )
    text = found.to_toml()
    if file is not None:
        write_text(file, text)
    if as_json:
        print_json({"schema": found.to_dict(), "file": out,
                    "guarantee": None if guarantee is None else to_json(guarantee)})
    elif file is None:
        click.echo(text, nl=not text.endswith("\n"))
    _advise(found, guarantee, file)


def _plain(source: Source, keep: bool, purpose: str) -> Schema:
    from privet.cli.reading import reading
    from privet.data.drafting import draft as draft_schema
    from privet.estimators.stewardship import admission

    opened = _opened(source)
    name, steward = admission(opened, source.name or opened.describe)
    asked = {"columns": list(opened.columns), "target": source.target, "command": "draft"}
    with reading("schema", name, steward, purpose=purpose, who=_FOR_THE_CURATOR,
                 parameters=asked) as done:
        found = draft_schema(opened, drop_identifiers=not keep, target=source.target)
        done()
    return found


def _opened(source: Source) -> Reader:
    from privet.cli.sources import open_rows, require_known_target

    opened = open_rows(source)
    require_known_target(source, opened.columns, where=f"{source.name or opened.describe} has")
    return opened


def _private(
    source: Source, epsilon: str, delta: str | None, kinds: dict[str, str | list[str]],
    purpose: str,
) -> tuple[Schema, DPGuarantee]:
    spent, failing = budget(epsilon), chance(delta)
    from privet.dp.draft import draft_private
    from privet.estimators.stewardship import admission

    opened = _opened(source)
    _require_kinds(kinds, opened.columns, source.name or opened.describe)
    name, steward = admission(opened, source.name or opened.describe)
    return draft_private(opened, epsilon=spent, delta=failing, target=source.target, kinds=kinds,
                         steward=steward_for(steward), data_set=name, purpose=purpose)


def _require_kinds(
    kinds: dict[str, str | list[str]], known: Sequence[str], data: str
) -> None:
    """Refuse a column that is declared but not there, before anything is spent.

    Raises:
        UnknownColumn: naming the one that was probably meant.
    """
    from privet.data.names import close_names, unknown_column

    for name, kind in kinds.items():
        if name not in known:
            meant = (close_names(name, known) or ["COLUMN"])[0]
            option = f"{meant}={kind if isinstance(kind, str) else ','.join(kind)}"
            raise unknown_column(name, known, where=f"--kind names what is not there: {data} has",
                                 remedy=f"--kind {shlex.quote(option)}")


def _kinds(options: tuple[str, ...], keep_identifiers: bool) -> dict[str, str | list[str]]:
    """The columns that the user declares."""
    from privet.data.columns import KINDS

    if keep_identifiers:
        raise InvalidInput("--keep-identifiers has no meaning with --private, which reads no names",
                           bound="--kind COLUMN=KIND for a column to keep",
                           remedy="--private --epsilon 0.5 --kind COLUMN=number")
    found: dict[str, str | list[str]] = {}
    for option in options:
        column, sign, kind = option.partition("=")
        if not (column and sign and kind):
            raise InvalidInput("--kind does not name a column and its kind", value=option,
                               bound="COLUMN=KIND", remedy="--kind age=number")
        if kind not in KINDS and "," not in kind:
            # Taken for a list of one category, a slip of the pen would spend the budget.
            raise InvalidInput("--kind names no kind, and one category tells nothing",
                               value=option, bound=f"one of {', '.join(KINDS)}, or categories "
                               "with commas between them", remedy=f"--kind {column}=number")
        found[column] = kind if kind in KINDS else [part.strip() for part in kind.split(",")]
    return found


def _advise(schema: Schema, guarantee: DPGuarantee | None, file: Path | None) -> None:
    """Say on stderr what a person should do next; stdout may be the schema itself."""
    where = "the schema" if file is None else str(file)
    dropped = schema.identifiers
    lines = [] if file is None else [f"Schema: {file}"]
    if dropped:
        lines.append(f"Left out of models as identifiers: {', '.join(dropped)}.")
    if guarantee is not None:
        lines.append(f"Spent: {guarantee}.")
        idle = [c.name for c in schema.columns.values() if c.kind == "ignore"]
        if idle:
            lines.append(f"Left out until {where} lists their categories: {', '.join(idle)}.")
    elif schema.bounds_from == "data":
        lines.append(f"Next: put bounds that you know from the field into {where}, then write "
                     'bounds_from = "domain" there. Private protections refuse it until then.')
    for line in lines:
        click.echo(line, err=True)


@command.command("check", short_help="Check a schema against a file.")
@click.argument("schema_file", metavar="SCHEMA")
@click.argument("data")
@table_options
@_purpose
@data_ledger_option
@output_options
def check(
    schema_file: str, data: str, table: str | None, query: str | None, purpose: str,
    as_json: bool,
) -> None:
    """Check that the rows of DATA fit SCHEMA, and say what private protections still need.

    Every row is read. Ends with exit code 2 at the first row that the schema does not allow.

    Whether rows fit tells something about them: of a registered data set, its policy must allow
    it as a use in the clear, and the ledger records it.

    \b
    Example:
      privet schema check patients.toml patients.csv
    """
    from privet.cli.console import Heading, print_json, print_table, say
    from privet.cli.sources import Source, open_data

    source = Source(data, schema_option=schema_file, table=table, query=query)
    rows = open_data(source)
    count, missing = _granted_fit(rows, purpose)
    columns = [_column(column) for column in rows.schema.columns.values()]
    hints = _hints(rows)
    if as_json:
        print_json({"fits": True, "rows": count, "private_ready": not missing,
                    "missing": missing, "hints": hints, "columns": columns})
        return
    headings = (Heading("column"), Heading("kind"), Heading("allowed"),
                Heading("missing", rank=1), Heading("from", rank=2))
    shown = data if source.name else rows.name  # an address may hold a password
    print_table(f"{schema_file} fits {shown}: {count} rows", headings,
                [tuple(column.values()) for column in columns])
    for hint in hints:
        say(hint)
    if missing:
        say("Not ready for private protections. What is missing:")
        for item in missing:
            say(f"  {item}")
    else:
        say("Ready for private protections.")


def _granted_fit(rows: Dataset, purpose: str) -> tuple[int, list[str]]:
    """What `_fit` says, if whoever keeps the rows allows it."""
    from privet.cli.reading import reading
    from privet.data.declared import declared, withheld
    from privet.estimators.stewardship import stewarded

    known, steward = stewarded(rows)
    schema = rows.schema
    used = [column.name for column in schema.columns.values() if column.is_used]
    asked = {"columns": used, "command": "check", "schema": declared(schema)}
    if hidden := withheld(schema):
        asked["withheld"] = list(hidden)
    with reading("schema", known.name if steward else None, steward, purpose=purpose,
                 who=_FOR_THE_CURATOR, parameters=asked) as done:
        found = _fit(rows)
        done()
    return found


def _fit(rows: Dataset) -> tuple[int, list[str]]:
    """Read every row as training would: how many stay, and what the schema lacks to be private."""
    from privet.data import Encoder
    from privet.errors import Refused

    missing = list(Encoder(rows.schema).missing_bounds)
    if rows.schema.bounds_from == "data":
        missing.append('bounds known from the field instead of bounds_from = "data"')
    try:
        rows.check_units()
    except Refused as refusal:
        missing.append(f"{refusal.problem}; write {refusal.remedy}")
    if rows.schema.target is None:
        missing.append('target = "COLUMN"')
        return len(rows.features()), missing
    return len(rows.encode().x), missing


def _hints(rows: Dataset) -> list[str]:
    """What is allowed, but may not be meant."""
    hints = []
    if rows.unused:
        hints.append(f"Columns that the schema does not declare are left out: "
                     f"{', '.join(rows.unused)}.")
    return hints


def _column(column: Any) -> dict[str, str]:
    allowed = "" if column.range is None else f"{column.range[0]:g} to {column.range[1]:g}"
    levels = ", ".join(map(str, column.levels))
    if levels:
        allowed = levels if len(levels) <= 40 else f"{len(column.levels)} categories"
    rule = f"replaced by {column.fill}" if column.missing == "value" else column.missing
    return {"column": column.name, "kind": column.kind, "allowed": allowed,
            "missing": rule if column.is_used else "",
            "from": column.bounds_from if allowed else ""}
