"""`privet perturb` and `privet local`: randomised records, and what they tell."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privet.cli.asking import watched
from privet.cli.ledgers import data_ledger_option
from privet.cli.options import budget, output_options, purpose_option, table_options
from privet.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from privet.claims import LocalDPGuarantee
    from privet.cli.sources import Source
    from privet.dp.local import Perturbed

_EPSILON = "--epsilon 1"


@click.command("perturb", short_help="Add noise to every record.")
@click.argument("data")
@click.option("--schema", "schema_file", metavar="FILE",
              help="TOML file with the bounds and categories of the columns. Default: the file "
              "with DATA's name and the ending .toml, if there is one.")
@table_options
@click.option("--epsilon", required=True, metavar="NUMBER",
              help="What one record may reveal, all its columns together. Smaller is more "
              "private; 1 to 4 are common choices.")
@click.option("--columns", default="auto", show_default=True, metavar="WAY",
              help="How the columns share epsilon: all are reported by every record, some by "
              "each, chosen without looking at it; auto takes what errs least, but all where the "
              "schema names a target.")
@click.option("--records", type=int, default=None, metavar="NUMBER",
              help="How many records are expected from all devices together, where each perturbs "
              "its own. Default: the rows of DATA.")
@click.option("--again", is_flag=True,
              help="Perturb records that were perturbed before; the epsilons are added up.")
@purpose_option
@click.option("--out", required=True, metavar="FILE",
              help="The CSV file to write, for example noisy.csv. Its description is written "
              "beside it, as noisy.local.json.")
@data_ledger_option
@output_options
def command(
    data: str, schema_file: str | None, table: str | None, query: str | None, epsilon: str,
    columns: str, records: int | None, again: bool, purpose: str, out: str, as_json: bool,
) -> None:
    """Add noise to every record of DATA on its own, so that nobody who gets them need be trusted.

    The schema says which values a column may take; identifiers, ignored and undeclared columns
    are left out, and the records come in random order. What is written are reports, no values:
    'privet local estimate' reads shares and means from them, with standard errors.

    DATA is a CSV or Parquet file, demo:breast-cancer, or a database with --table or --query.

    \b
    Examples:
      privet perturb answers.csv --epsilon 2 --out noisy.csv
      privet perturb answers.csv --schema answers.toml --epsilon 1 --columns some --out noisy.csv
    """
    from privet.cli.files import writable
    from privet.cli.sources import Source
    from privet.dp.local.files import description_of
    from privet.dp.local.layout import WAYS
    from privet.errors import one_of, whole

    amount = budget(epsilon, _EPSILON)
    one_of(WAYS, columns=columns, remedy="--columns auto")
    if records is not None:
        whole(records=records, remedy="--records 10000")
    source = Source(data, schema_option=schema_file, table=table, query=query)
    reads = (data, source.schema_file)
    file = writable(out, reads=reads)
    writable(description_of(file), reads=reads)
    before = _before(source, file, again)
    found = _perturbed(source, amount, file, columns=columns, records=records, before=before,
                       purpose=purpose)
    _report(found, file, as_json=as_json)


def _perturbed(source: Source, epsilon: float, file: Path, **how: Any) -> Perturbed:
    from privet.cli.sources import missing_bounds, open_data, source_of
    from privet.estimators.perturbing import perturb

    if source.schema_file is None:
        source_of(source.data)
        raise missing_bounds(source, "records are perturbed within bounds that do not come from "
                             "them, and no schema gives them")
    rows, steward = watched(open_data(source))
    return perturb(rows, epsilon, out=file, **how, **steward)


def _before(source: Source, file: Path, again: bool) -> LocalDPGuarantee | None:
    """What the records were perturbed with already, with --again.

    Raises:
        Refused: they were, and --again is not given.
        DataError: they were, and nothing says at which epsilon.
    """
    from privet.cli.sources import open_rows
    from privet.dp.local.files import guarantee_of, is_perturbed

    places = [str(file)]
    if not (source.is_address or source.is_demo):
        places.insert(0, source.data)
    known = open_rows(source).columns
    for place in places:
        if not is_perturbed(place, known if place == source.data else ()):
            continue
        if again:
            return guarantee_of(place)
        raise Refused(
            "these records were perturbed before, and whoever has both results learns more than "
            "either guarantee says",
            value=place, bound="records, and a file, that were not perturbed before",
            remedy="--again   # adds the epsilons up",
        )  # fmt: skip
    return None


def _report(table: Perturbed, file: Path, *, as_json: bool) -> None:
    from privet.claims import to_json
    from privet.cli.console import print_json, say
    from privet.dp.local.described import to_json as attribute_to_json
    from privet.dp.local.files import description_of

    if as_json:
        print_json({
            "file": str(file), "description": str(description_of(file)), "rows": table.rows,
            "per_record": table.layout.per_record, "reason": table.layout.reason,
            "columns": [attribute_to_json(item) for item in table.layout.attributes],
            "dropped": list(table.dropped), "guarantee": to_json(table.guarantee),
        })  # fmt: skip
        return
    say(f"Randomised records: {file} ({table.rows} rows); description: {description_of(file)}")
    for attribute in table.layout.attributes:
        say(f"  {attribute.name}: {attribute.reason}")
    say(f"Columns: {table.layout.reason}.")
    if table.dropped:
        say(f"Left out: {', '.join(table.dropped)}.")
    say(f"Guarantee: {table.guarantee}")


@click.group("local", short_help="Read what perturbed records tell.")
def local() -> None:
    """Read what perturbed records tell.

    Records that 'privet perturb' wrote hold noise, and their description says how much. So
    shares and means can be estimated from the two files alone, at no further cost of privacy.
    """


@local.command("estimate", short_help="Estimate shares and means.")
@click.argument("files", nargs=-1, required=True)
@click.option("--column", "columns", multiple=True, metavar="NAME",
              help="A column to estimate. May be given several times. Default: all.")
@output_options
def estimate(files: tuple[str, ...], columns: tuple[str, ...], as_json: bool) -> None:
    """Estimate shares and means from FILES, which 'privet perturb' wrote, with standard errors.

    Shares are unbiased, so that some may lie below 0; the nearest shares that add up to 1 stand
    beside them.

    \b
    Examples:
      privet local estimate noisy.csv
      privet local estimate noisy.csv --column smoker --json
      privet local estimate site-1.csv site-2.csv
    """
    from privet.cli.console import print_json, say

    table = _opened(*files)
    names = list(columns) or [item.name for item in table.layout.attributes]
    found = [_estimated(table, name) for name in names]
    if as_json:
        print_json({"rows": table.rows, "columns": found})
        return
    for entry in found:
        _show(entry)
    say(f"Guarantee of the records: {table.guarantee}")


@local.command("train", short_help="Train a linear model.")
@click.argument("files", nargs=-1, required=True)
@click.option("--out", required=True, metavar="MODEL",
              help="The file to write, for example model.safetensors. It is replaced if it "
              "exists.")
@output_options
def train(files: tuple[str, ...], out: str, as_json: bool) -> None:
    """Train a linear model on FILES, which 'privet perturb' wrote by a schema that has a target.

    The records' own guarantee holds for the model, at no further cost of privacy. Numbers of
    records that are many times those a model in the clear needs are needed for the same accuracy.

    \b
    Example:
      privet local train noisy.csv --out model.safetensors
    """
    from privet.claims import to_json
    from privet.cli.console import print_json, say
    from privet.cli.files import writable
    from privet.estimators import LogisticRegression, Ridge, save

    target = writable(out, reads=files)
    table = _opened(*files)
    classes = table.schema.target is not None and table.schema.target.is_classes
    model = (LogisticRegression() if classes else Ridge()).fit(table)
    save(model, target)
    if as_json:
        print_json({"model": str(target), "guarantee": to_json(model.guarantee_),
                    "cost": to_json(model.cost_)})
        return
    say(f"Model: {target}")
    say(f"Guarantee: {model.guarantee_}")


def _opened(*files: str) -> Perturbed:
    from privet.dp.local import join, read

    for file in files:
        if not Path(file).is_file():
            raise InvalidInput("there is no such file", value=file,
                               bound="a file written by 'privet perturb'",
                               remedy=f"ls {shlex.quote(str(Path(file).parent))}")
    return join([read(file) for file in files])


def _estimated(table: Perturbed, name: str) -> dict[str, Any]:
    from privet.dp.local import histogram, mean

    if not table.layout.attribute(name).levels:
        average = mean(table, name)
        return {"column": name, "mean": average.mean, "error": average.error,
                "reports": average.reports}
    shares = histogram(table, name)
    rows = zip(shares.levels, shares.shares, shares.errors, shares.consistent, strict=True)
    return {"column": name, "reports": shares.reports, "levels": [
        {"level": level, "share": float(share), "error": float(error), "consistent": float(near)}
        for level, share, error, near in rows
    ]}  # fmt: skip


def _show(entry: dict[str, Any]) -> None:
    from privet.cli.console import Heading, print_table

    title = f"{entry['column']} ({entry['reports']} reports)"
    right = [Heading(name, right=True) for name in ("mean", "standard error")]
    if "mean" in entry:
        print_table(title, right, [[f"{entry['mean']:.5g}", f"{entry['error']:.2g}"]])
        return
    headings = [Heading("level"), Heading("share", right=True),
                Heading("standard error", right=True), Heading("consistent", right=True, rank=1)]
    print_table(title, headings, [
        [row["level"], f"{row['share']:.4f}", f"{row['error']:.2g}", f"{row['consistent']:.4f}"]
        for row in entry["levels"]
    ])  # fmt: skip
