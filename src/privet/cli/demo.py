"""`privet demo`: a first comparison, on a real data set that comes with the package."""

from __future__ import annotations

import click

from privet.cli.options import output_options

REPORT = "privet-report.html"


@click.command("demo", short_help="Compare on a bundled data set; write a report.")
@click.option("--html", "html_file", default=REPORT, show_default=True, metavar="FILE",
              help="Where the report goes.")
@output_options
def command(html_file: str, as_json: bool) -> None:
    """Compare protections on a bundled set of 569 breast tumours, and write a report.

    The model tells malignant from benign tumours by 30 measurements of cell nuclei. It is
    trained in the clear and under differential privacy at epsilon 0.5, 1 and 3, five times
    each. The command takes under a minute and needs no network.

    Example: privet demo
    """
    from privet.cli.compare import EPSILONS, Job, run
    from privet.cli.options import PROTECTIONS, epsilons
    from privet.cli.sources import Source

    run(Job(source=Source("demo:breast-cancer"), protect=list(PROTECTIONS),
            epsilons=epsilons(EPSILONS), html=html_file), as_json=as_json)
