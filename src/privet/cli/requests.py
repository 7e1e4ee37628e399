"""`privet request`: ask for the approvals that a command needs."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import click

from privet.cli import compare, perturb, predict, query, schema, train
from privet.cli.asking import Asking
from privet.errors import InvalidInput, Refused

_RESULTS = {"train": "model.safetensors", "perturb": "asked-of-privet.csv"}
"""Names of results for commands that must have one."""
_REASON = click.Option(["--reason"], required=True, metavar="TEXT",
                       help="Why it should be approved, for those who decide.")
_PAGE = click.Option(["--page", "page_file"], metavar="FILE",
                     help="Also write the request as one HTML page, for somebody who uses no "
                     "shell.")


@click.group("request", short_help="Ask for the approvals that a command needs.")
def command() -> None:
    """Ask for the approvals that a command needs; nothing is read or spent.

    Its options are those of the command itself. What is approved is exactly this job: another
    epsilon, model, schema or version of the data is another one.

    \b
    Example:
      privet request train patients.csv --epsilon 1 --purpose care --reason "yearly model"
      privet approve 3f2a9c --key maria.key
      privet train patients.csv --epsilon 1 --purpose care --out model.safetensors
    """


def _asking(real: click.Command, words: str, text: str) -> click.Command:
    """The command that asks for what another one would run, under that one's options."""
    params = [copy(param) for param in real.params]
    for param in params:
        if param.name == "out":
            param.required = False  # it writes no result
    return click.Command(
        real.name,
        callback=_callback(real),
        params=[*params, _REASON, _PAGE],
        short_help=f"Ask for approval of 'privet {words}'.",
        help=text,
    )


def _callback(real: click.Command) -> Any:
    @click.pass_context
    def run(ctx: click.Context, /, reason: str, page_file: str | None, **options: Any) -> None:
        from privet.cli.files import writable

        if options.get("dry_run") or options.get("explain"):
            raise InvalidInput("a look at the errors beforehand spends nothing, so nobody needs "
                               "to approve it", bound="neither --dry-run nor --explain",
                               remedy="privet query DATA SQL --epsilon 1 --dry-run")
        if options.get("out", "") is None and real.name in _RESULTS:
            options["out"] = str(Path(gettempdir()) / _RESULTS[real.name])  # never written
        page_at = None if page_file is None else writable(page_file, option="--page")
        ctx.obj = asking = Asking()
        assert real.callback is not None
        try:
            real.callback(**options)
        except Refused:
            if asking.request is None:
                raise
        _ask(asking, reason, page_at, as_json=options["as_json"])

    return run


def _ask(asking: Asking, reason: str, page_at: Any, *, as_json: bool) -> None:
    from privet.cli.console import print_json, say
    from privet.cli.files import write_text
    from privet.estimators.stewardship import requester
    from privet.govern.budget.heads import remember
    from privet.govern.policy import page, request

    assert asking.request is not None
    ledger = asking.ledger
    entry = request(ledger, asking.request, requester(), reason, version=asking.version)
    remember(ledger)
    job = str((entry.payload or {})["job"])
    if page_at is not None:
        write_text(page_at, page(ledger, entry))
    if as_json:
        print_json({"job": job, "entry": entry.seq,
                    "page": None if page_at is None else str(page_at)})
        return
    say(f"Asked as entry {entry.seq}. Whoever may approve runs:")
    say(f"privet approve {job[:12]} --key FILE")
    if page_at is not None:
        say(f"As a page: {page_at}")


command.add_command(_asking(train.command, "train", """\
Ask for the approvals that this training of DATA needs; nothing is read or spent.

The options are those of 'privet train'.

\b
Example:
  privet request train patients.csv --epsilon 1 --purpose care --reason "yearly model"
"""))
command.add_command(_asking(compare.command, "compare", """\
Ask for the approvals that this comparison on DATA needs; nothing is read or spent.

The options are those of 'privet compare', with or without --release.

\b
Example:
  privet request compare patients.csv --purpose care --reason "which protection to take"
"""))
command.add_command(_asking(query.command, "query", """\
Ask for the approvals that this query of DATA needs; nothing is read or spent.

The options are those of 'privet query'.

\b
Example:
  privet request query people.csv "SELECT AVG(age) FROM t" --epsilon 1 --reason "yearly"
"""))
command.add_command(_asking(perturb.command, "perturb", """\
Ask for the approvals that perturbing the records of DATA needs; nothing is read or spent.

The options are those of 'privet perturb'.

\b
Example:
  privet request perturb answers.csv --epsilon 2 --reason "to publish the answers"
"""))
command.add_command(_asking(schema.draft, "schema draft", """\
Ask for the approvals that finding bounds for DATA needs; no bound is found, nothing is spent.

The options are those of 'privet schema draft', with or without --private.

\b
Example:
  privet request draft patients.csv --private --epsilon 0.5 --reason "bounds are not known"
"""))
command.add_command(_asking(schema.check, "schema check", """\
Ask for the approvals that checking SCHEMA against the rows of DATA needs; none is read.

The options are those of 'privet schema check'.

\b
Example:
  privet request check patients.toml patients.csv --reason "new columns"
"""))
command.add_command(_asking(predict.command, "predict", """\
Ask for the approvals that predicting with MODEL for the rows of DATA needs; none is read.

The options are those of 'privet predict'.

\b
Example:
  privet request predict model.safetensors patients.csv --purpose care --reason "recall list"
"""))
