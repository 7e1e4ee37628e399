"""`privet compare`: the main job - protections side by side on the user's own data."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privet.cli.asking import watched
from privet.cli.ledgers import data_ledger_option
from privet.cli.options import (
    PROTECTIONS,
    chance,
    data_options,
    delta_option,
    epsilons,
    given,
    model_option,
    names,
    output_options,
    purpose_option,
)
from privet.errors import InvalidInput, Refused, whole

if TYPE_CHECKING:
    from privet.cli.sources import Source
    from privet.protect.choose.comparison import Comparison

EPSILONS = "0.5,1,3"


@click.command("compare", short_help="Compare protections on your own data.")
@data_options
@click.option("--protect", default=",".join(PROTECTIONS), show_default=True, metavar="NAMES",
              help="The protections to compare, with commas between them: plain trains in the "
              "clear, private adds differential privacy, local randomises every record by itself.")
@click.option("--epsilon", default=EPSILONS, show_default=True, metavar="NUMBERS",
              help="Privacy budgets for private and local, with commas between them. Smaller is "
              "more private; 1 is a common choice.")
@delta_option
@model_option
@click.option("--seeds", type=int, default=5, show_default=True,
              help="The number of random splits into training and test rows. A recommendation "
              "needs at least 2; more make it surer.")
@click.option("--release", type=float, default=None, metavar="NUMBER",
              help="Make a comparison that may be released: private protections alone, noisy "
              "scores, and this epsilon for everything together, charged to the ledger. Each of "
              "--epsilon is what one training claims; --delta then also holds for the whole.")
@purpose_option
@click.option("--html", "html_file", metavar="FILE",
              help="Also write a report: one HTML file that needs no network.")
@click.option("--open", "show", is_flag=True, help="Open the report in a browser.")
@data_ledger_option
@output_options
def command(
    data: str, target: str | None, schema_file: str | None, table: str | None, query: str | None,
    protect: str, epsilon: str, delta: str | None, model: str | None, seeds: int,
    release: float | None, purpose: str, html_file: str | None, show: bool, as_json: bool,
) -> None:
    """Compare protections on your own data: their guarantees, their scores and their costs.

    The model is trained under each protection on several random splits of DATA, and scored on
    the quarter of the rows that it did not see. A recommendation follows, with its reason. The
    scores are exact functions of the rows: they are for whoever may see the rows, and not for
    release, unless --release is given.

    DATA is a CSV or Parquet file, demo:breast-cancer, or a database with --table or --query: a
    DuckDB file, or an address such as postgresql://HOST/NAME.

    Private protections need bounds that do not come from the data. Draft a schema, put in the
    bounds that you know, write bounds_from = "domain", and give it with --schema.

    \b
    Examples:
      privet compare demo:breast-cancer
      privet compare patients.csv --schema patients.toml --html report.html
      privet compare patients.csv --target outcome --protect plain
      privet compare patients.csv --epsilon 0.5,1 --release 3 --html public.html
    """
    from privet.cli.sources import Source

    wanted = names(protect)
    if release is not None:
        wanted = _releasable(wanted)
    if given("epsilon") and not {"private", "local"} & {*wanted}:
        raise InvalidInput("--epsilon means nothing without a private protection", value=epsilon,
                           bound="--protect with private or local",
                           remedy="--protect plain,private")
    if show and html_file is None:
        raise InvalidInput("--open needs a report to open", bound="--html with the name of a file",
                           remedy="--html report.html --open")
    job = Job(
        source=Source(data, target, schema_file, table, query),
        protect=wanted,
        epsilons=epsilons(epsilon),
        delta=chance(delta),
        model=model,
        seeds=whole(seeds=seeds, remedy="--seeds 5"),
        html=html_file,
        purpose=purpose,
        release=release,
    )
    run(job, as_json=as_json)
    if show and html_file is not None:
        webbrowser.open(Path(html_file).resolve().as_uri())


def _releasable(wanted: list[str]) -> list[str]:
    """What can be released of the protections: all but plain, which is left out unless named.

    Raises:
        Refused: plain was asked for in words, or nothing else was.
    """
    if given("protect") and "plain" in wanted:
        raise Refused("plain guarantees nothing, so its score cannot be released", value="plain",
                      bound="--protect without plain", remedy="--protect private")
    return [name for name in wanted if name != "plain"]


@dataclass(frozen=True)
class Job:
    """One comparison, as the user asked for it."""

    source: Source
    protect: list[str]
    epsilons: list[float]
    delta: float | None = None
    model: str | None = None
    seeds: int = 5
    html: str | None = None
    purpose: str = ""
    release: float | None = None


def run(job: Job, *, as_json: bool) -> Comparison:
    """Compare, then write everything that was asked for, or nothing at all.

    Raises:
        PrivetError: the comparison, or any one of its protections, could not run.
    """
    from privet.cli.console import print_json, say, watching
    from privet.cli.files import writable, write_text

    report = None if job.html is None else writable(
        job.html, option="--html", reads=(job.source.data, job.source.schema_file)
    )
    with watching(quiet=as_json) as watch:
        comparison = _compare(job, watch)
    _require_all(comparison)
    if report is not None:
        from privet.protect.choose import page

        write_text(report, page(comparison))
    if as_json:
        print_json(comparison.to_json())
        return comparison
    _print(comparison)
    if report is not None:
        say(f"\nReport: {report.resolve()}")
    return comparison


def _compare(job: Job, watch: Any) -> Comparison:
    from privet.cli.sources import (
        model_for_target,
        open_data,
        protections,
        require_ready,
        require_schema,
        require_target,
    )

    protected = protections(job.protect, job.epsilons, job.delta)
    require_schema(job.source, protected)
    data = open_data(job.source)
    require_target(data, job.source)
    require_ready(data, job.source, protected)
    model = model_for_target(data, job.model)
    from privet.estimators.comparison import compare

    # The delta of one training holds for the whole of a release as well.
    whole_delta: dict[str, Any] = {} if job.release is None else {"delta": job.delta}
    data, steward = watched(data)
    return compare(data, model=model, protections=protected, seeds=job.seeds, watch=watch,
                   purpose=job.purpose, release=job.release, **whole_delta, **steward)


def _require_all(comparison: Comparison) -> None:
    """A comparison in which one protection refused is not what was asked for."""
    for entry in comparison.entries:
        if not entry.ran:
            raise Refused(f"{entry.label} could not run: {entry.refusal}",
                          remedy=entry.remedy or "leave it out of --protect")


def _print(comparison: Comparison) -> None:
    from privet.cli.console import Heading, print_table, say

    lines = comparison.table_rows()
    titles = [title for title in lines[0] if title != "guarantee"]
    # The protection and the figure that decides are never left out; then as people ask.
    wanted = [*titles[:2], "AUC", "seconds", "peak memory", "sent"]
    ranks = [max(0, wanted.index(t) - 1) if t in wanted else len(wanted) for t in titles]
    headings = [Heading(title, right=index > 0, rank=rank)
                for index, (title, rank) in enumerate(zip(titles, ranks, strict=True))]
    say(comparison.caption + ".")
    print_table("", headings, [[line[title] for title in titles] for line in lines])
    for entry in comparison.entries:
        claim = entry.guarantee.headline() if entry.guarantee else ""
        say(f"{entry.label}: {claim}.")
    say()
    say(comparison.recommendation)
    say()
    say(comparison.release)
    for note in dict.fromkeys(note for entry in comparison.entries for note in entry.notes):
        say(f"Note: {note}")
