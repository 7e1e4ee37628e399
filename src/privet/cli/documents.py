"""`privet report` and `privet verify-receipt`: documents that the ledger can support."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from privet.cli.ledgers import existing_ledger, ledger_option, read_receipt, written_ledger
from privet.cli.options import output_options
from privet.errors import InvalidInput


@click.group("report", invoke_without_command=True,
             short_help="Write a model card or a record of processing.")
@click.option("--format", "kind", type=click.Choice(["card", "ropa"]),
              help="card: a model card of one training. ropa: the record of processing that GDPR "
              "Art. 30 asks for.")
@click.option("--out", metavar="FILE", help="The HTML file to write.")
@click.option("--organisation", metavar="FILE",
              help="Check that this organisation file is the adopted one. Reports show the "
              "adopted one in any case; without one, what it would say is marked as not "
              "evidenced.")
@click.option("--data-set", metavar="NAME", help="Only what concerns this data set.")
@click.option("--model", metavar="ENTRY",
              help="Only the training that this entry commits. Default of a card: the newest.")
@ledger_option
@output_options
@click.pass_context
def report(
    ctx: click.Context, kind: str | None, out: str | None, organisation: str | None,
    data_set: str | None, model: str | None, where: str | None, as_json: bool,
) -> None:
    """Write a document whose every statement names the entry that supports it.

    What the record does not hold is marked "not evidenced", never invented. What the ledger
    cannot know (controller, contacts, legal bases, recipients) stands in an organisation file,
    which is adopted once. That a report was written is an entry, too: a policy may ask for it.

    \b
    Example:
      privet report adopt organisation.toml
      privet report --format ropa --out ropa.html
    """
    if ctx.invoked_subcommand is not None:
        _no_options(ctx)
        return
    if kind is None or out is None:
        raise InvalidInput("which report is to be written, and where to, is not said",
                           bound="--format and --out", remedy="privet report --format card --out "
                           "card.html")
    from privet.cli.console import print_json, say
    from privet.cli.files import writable, write_text
    from privet.govern.report import Organisation, report_json, written
    from privet.govern.report import report as write

    file = writable(out, reads=(organisation,))
    chosen: dict[str, Any] = {
        "data_set": data_set,
        "model": int(model) if model is not None and model.isdecimal() else model,
    }
    with written_ledger(where) as ledger:
        if organisation is not None:
            Organisation.load(organisation).require_adopted(ledger, name=organisation)
        text = write(ledger, kind, **chosen)
        write_text(file, text)
        written(ledger, kind, data_set, text)
        facts = report_json(ledger, kind, **chosen) if as_json else None
    if facts is not None:
        print_json(facts)
    else:
        say(f"Report: {file}")


def _no_options(ctx: click.Context) -> None:
    """Options before a subcommand would be lost."""
    for name in ctx.params:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InvalidInput(f"this option is not of 'privet report {ctx.invoked_subcommand}'",
                               value=name, bound="its own options, behind it",
                               remedy=f"privet report {ctx.invoked_subcommand} --help")


@report.command("adopt", short_help="Sign the organisation file into the ledger.")
@click.argument("file")
@click.option("--owner-key", metavar="FILE",
              help="The owner's key file, where the adopted policy names the owner's key.")
@ledger_option
@output_options
def adopt(file: str, owner_key: str | None, where: str | None, as_json: bool) -> None:
    """Sign the organisation file FILE with the ledger's key; reports show it from then on.

    It says what the ledger cannot know: controller, contacts, purposes with their legal bases,
    recipients and time limits. Each run is recorded with the digest of the file that was adopted
    at its time, and a report says which runs were made under an older one.

    \b
    Example:
      privet report adopt organisation.toml
    """
    from privet.cli.policy import load_key, tell_adopted
    from privet.govern.policy import adopt_organisation
    from privet.govern.report import Organisation

    text = Organisation.load(file).text
    key = None if owner_key is None else load_key(owner_key)
    with written_ledger(where) as ledger:
        entry = adopt_organisation(ledger, text, key)
    tell_adopted(entry, as_json=as_json)


@report.command("record", short_help="Record a document that was written elsewhere.")
@click.argument("name")
@click.argument("file")
@click.option("--kind", required=True, metavar="KIND",
              help="What it is: dpia (data-protection impact assessment), lia (legitimate-"
              "interests assessment), tia (transfer impact assessment) or ethics (vote of an "
              "ethics committee).")
@click.option("--by", required=True, metavar="ROLE",
              help="Who signed it off: a role, such as data-protection officer. A person's name "
              "stays in the ledger.")
@click.option("--title", default="", metavar="TEXT", help="Its title. Default: the kind in words.")
@click.option("--date", "day", default="", metavar="YYYY-MM-DD",
              help="The date of the document. Default: today.")
@ledger_option
@output_options
def record(
    name: str, file: str, kind: str, by: str, title: str, day: str, where: str | None,
    as_json: bool,
) -> None:
    """Record that the document FILE about the data set NAME was written and signed off.

    Its SHA-256, kind, title and date are kept, and who signed it off; never its text or the name
    of the file. A policy that asks for a report of this kind counts it, and model card and record
    of processing cite it. Who holds the file shows with its SHA-256 that it is the one.

    \b
    Example:
      privet report record patients dpia.pdf --kind dpia --by "data-protection officer"
    """
    from privet.cli.console import print_json, say
    from privet.govern.report import record as note

    with written_ledger(where) as ledger:
        entry = note(ledger, name, file, kind=kind, by=by, title=title, day=day)
    payload = entry.payload or {}
    if as_json:
        print_json({"entry": entry.seq, **payload})
    else:
        say(f"Recorded as entry {entry.seq}: {payload['title']} of {payload['date']}, SHA-256 "
            f"{payload['sha256']}.")


@report.command("list", short_help="List the reports and assessments that exist.")
@click.argument("name", required=False)
@ledger_option
@output_options
def list_reports(name: str | None, where: str | None, as_json: bool) -> None:
    """List the documents about each data set, or about NAME: written here, or recorded.

    \b
    Example:
      privet report list patients
    """
    from dataclasses import asdict

    from privet.cli.console import Heading, print_json, print_table, say
    from privet.govern.budget import Registry
    from privet.govern.report import papers

    ledger = existing_ledger(where)
    if name is not None:
        Registry(ledger).get(name)
    found = papers(ledger, name)
    if as_json:
        print_json({"reports": [asdict(item) for item in found]})
        return
    if not found:
        say("No report exists.")
        return
    headings = (Heading("entry", right=True), Heading("data set"), Heading("kind"),
                Heading("date", rank=1), Heading("title", rank=2), Heading("signed off by"),
                Heading("SHA-256", rank=3))
    rows = [(str(item.seq), item.data_set or "all", item.kind, item.date, item.title, item.by,
             item.sha256[:16]) for item in found]
    print_table("Reports and assessments", headings, rows)


@click.command("verify-receipt", short_help="Check a receipt offline; write a page that does.")
@click.argument("receipts", nargs=-1, required=True)
@click.option("--html", "html_file", metavar="FILE",
              help="Write one HTML page that checks them in any browser, without a network.")
@click.option("--ledger-id", metavar="HEX", help="The identity that the ledger must have.")
@click.option("--key-id", metavar="HEX", help="The id of the key that must have signed.")
@output_options
def verify_receipt(
    receipts: tuple[str, ...], html_file: str | None, ledger_id: str | None, key_id: str | None,
    as_json: bool,
) -> None:
    """Check receipts without the ledger: payload, place in the tree, signatures, and the claim.

    The private releases that an entry names are added up again. Its claim holds, does not hold,
    or cannot be recomputed, which is said with the reason and is no failure. Ends with exit code
    0 only if every receipt holds with its content and no claim fails; with 2 if one fails, or two
    contradict each other; with 3 if none fails, but what an entry said is not in its receipt. A
    receipt shows that a key signed a ledger with this entry; whose key and ledger it is has to be
    known from elsewhere (--ledger-id, --key-id).

    \b
    Example:
      privet verify-receipt receipt.json --html receipt.html
    """
    from privet.cli.files import writable, write_text
    from privet.cli.receipts import WITHHELD, examined, told
    from privet.govern.report import receipt_page

    file = None if html_file is None else writable(html_file, option="--html")
    ledger, key = (None if text is None else text.strip().lower() for text in (ledger_id, key_id))
    read = [(name, read_receipt(name)) for name in receipts]
    found = examined(read, ledger=ledger, key=key)
    if file is not None:
        write_text(file, receipt_page(*(item for _, item in read), ledger=ledger, key=key))
    told(found, as_json=as_json)
    if file is not None and not as_json:
        from privet.cli.console import say

        say(f"Page: {file}")
    if any(item.verdict != "holds" for item in found.receipts):
        raise SystemExit(WITHHELD)
