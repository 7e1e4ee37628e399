"""`privet policy`: what the owner of data allows, and the requests that wait for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privet.cli.ledgers import existing_ledger, ledger_option, written_ledger
from privet.cli.options import output_options
from privet.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from privet.govern.ledger import Entry
    from privet.govern.policy import Pending, Policy


@click.group("policy", short_help="Say what is allowed on registered data.")
def command() -> None:
    """The owner's policy: a TOML file that is signed into the ledger and decides every use.

    \b
    Example:
      privet key new --out maria.key           # for each person who approves
      privet policy adopt policy.toml
      privet policy pending
    """


@command.command("adopt", short_help="Sign a policy into the ledger; from then on it decides.")
@click.argument("file")
@ledger_option
@output_options
def adopt(file: str, where: str | None, as_json: bool) -> None:
    """Sign the policy of FILE with the ledger's key, and make it the one that counts.

    \b
    Example:
      privet policy adopt policy.toml
    """
    from privet.govern.policy import Policy
    from privet.govern.policy import adopt as sign_in

    policy = Policy.load(file)
    with written_ledger(where) as ledger:
        entry = sign_in(ledger, policy.text)
    tell_adopted(entry, as_json=as_json)


def tell_adopted(entry: Entry, *, as_json: bool) -> None:
    """Say which entry adopted which text."""
    from privet.cli.console import print_json, say

    digest = (entry.payload or {})["digest"]
    if as_json:
        print_json({"entry": entry.seq, "digest": digest})
    else:
        say(f"Adopted as entry {entry.seq}; digest {digest}.")


@command.command("show", short_help="Show the policy that counts.")
@ledger_option
@output_options
def show(where: str | None, as_json: bool) -> None:
    """Show the text of the policy that the ledger has adopted last.

    \b
    Example:
      privet policy show
    """
    from privet.cli.console import print_json

    policy = _adopted(existing_ledger(where))
    if as_json:
        print_json({"digest": policy.digest, "policy": policy.to_json()})
    else:
        click.echo(policy.text, nl=not policy.text.endswith("\n"))


@command.command("pending", short_help="List the requests that wait for approval.")
@click.argument("job", required=False)
@click.option("--html", "html_file", metavar="FILE",
              help="Write the request JOB as one HTML page, for somebody who uses no shell.")
@ledger_option
@output_options
def pending(job: str | None, html_file: str | None, where: str | None, as_json: bool) -> None:
    """List the requests that wait for approval; with JOB and --html, show one as a page.

    \b
    Example:
      privet policy pending
      privet policy pending 3f2a9c --html request.html
    """
    from privet.cli.console import Heading, print_json, print_table, say
    from privet.cli.files import writable, write_text
    from privet.govern.policy import page
    from privet.govern.policy import pending as waiting

    if (job is None) != (html_file is None):
        raise InvalidInput("a page is of one request", bound="both JOB and --html, or neither",
                           remedy="privet policy pending JOB --html request.html")
    file = None if html_file is None else writable(html_file, option="--html")
    ledger = existing_ledger(where)
    _adopted(ledger)
    found = waiting(ledger)
    if file is not None:
        write_text(file, page(ledger, _one(found, str(job)).entry))
        say(f"Request: {file}")
        return
    if as_json:
        print_json({"pending": [_facts(item) for item in found]})
        return
    if not found:
        say("No request waits for approval.")
        return
    headings = (Heading("job"), Heading("asked by"), Heading("approved by"), Heading("needs"),
                Heading("may approve", rank=1))
    rows = [(item.job[:12], item.requester, ", ".join(item.granted), str(item.needed),
             ", ".join(item.may_approve)) for item in found]
    print_table("Requests that wait for approval", headings, rows)


def _adopted(ledger: Any) -> Policy:
    from privet.govern.policy import Policy

    policy = Policy.from_ledger(ledger)
    if policy is None:
        raise Refused("the ledger has adopted no policy", remedy="privet policy adopt policy.toml")
    return policy


def _one(found: tuple[Pending, ...], job: str) -> Pending:
    matches = [item for item in found if item.job.startswith(job)]
    if len(matches) != 1:
        raise InvalidInput("no request of this name waits" if not matches else
                           "several requests begin like this", value=job,
                           bound=", ".join(item.job[:12] for item in found) or "none waits",
                           remedy="privet policy pending")
    return matches[0]


def _facts(item: Pending) -> dict[str, Any]:
    return {"job": item.job, "entry": item.entry.seq, "requester": item.requester,
            "needed": item.needed, "granted": list(item.granted),
            "may_approve": list(item.may_approve)}


def load_key(file: str) -> Any:
    """A person's key.

    Raises:
        InvalidInput, Refused: it is not there, cannot be decrypted, or others may read it.
    """
    from privet.govern.ledger import SigningKey

    return SigningKey.load(Path(file))
