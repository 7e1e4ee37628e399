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
@click.option("--owner-key", metavar="FILE",
              help="The owner's key file, where the policy in force names the owner's key, or the "
              "new one is the first to name one.")
@click.option("--signed", multiple=True, metavar="FILE",
              help="A signature on the statement of 'privet policy statement': the owner's, or "
              "those of two approvers, one each. May be given several times.")
@ledger_option
@output_options
def adopt(
    file: str, owner_key: str | None, signed: tuple[str, ...], where: str | None, as_json: bool
) -> None:
    """Make the policy of FILE the one that counts.

    Once a policy names its owner's public key (owner_key), another one follows it only if that
    key has signed it; or, where the owner's key is lost, two of the approvers that it names.
    Without such a key, whoever can use the ledger can adopt another policy.

    \b
    Example:
      privet policy adopt policy.toml --owner-key owner.key
    """
    from privet.cli.keys import read_signatures
    from privet.govern.policy import Policy, adoption
    from privet.govern.policy import adopt as sign_in

    policy = Policy.load(file)
    with written_ledger(where) as ledger:
        made = read_signatures(signed, adoption(ledger, policy.text))
        key = None if owner_key is None else load_key(owner_key)
        entry = sign_in(ledger, policy.text, owner=key, signed=made)
    tell_adopted(entry, as_json=as_json)


def tell_adopted(entry: Entry, *, as_json: bool) -> None:
    """Say which entry adopted which text."""
    from privet.cli.console import print_json, say

    digest = (entry.payload or {})["digest"]
    if as_json:
        print_json({"entry": entry.seq, "digest": digest})
    else:
        say(f"Adopted as entry {entry.seq}; digest {digest}.")


@command.command("statement", short_help="Write what a policy's owner signs elsewhere.")
@click.argument("file")
@click.option("--out", required=True, metavar="FILE", help="The statement to write, as JSON.")
@ledger_option
@output_options
def statement(file: str, out: str, where: str | None, as_json: bool) -> None:
    """Write the statement by which the policy of FILE follows the one in force.

    The owner, or two approvers where the owner's key is lost, sign it on machines of their own
    (privet key sign); the signatures go to 'privet policy adopt --signed'.

    \b
    Example:
      privet policy statement policy.toml --out statement.json
    """
    from privet.cli.files import writable
    from privet.cli.keys import tell_statement
    from privet.govern.policy import Policy, adoption

    target = writable(out, reads=(file,))
    made = adoption(existing_ledger(where), Policy.load(file).text)
    tell_statement(made, target, as_json=as_json)


@command.command("show", short_help="Show the policy that counts.")
@ledger_option
@output_options
def show(where: str | None, as_json: bool) -> None:
    """Show the text of the policy in force, and which adoptions after it do not count.

    \b
    Example:
      privet policy show
    """
    from privet.cli.console import print_json
    from privet.govern.policy import in_force

    ledger = existing_ledger(where)
    policy = _adopted(ledger)
    passed_over = in_force(ledger).passed_over
    if as_json:
        print_json({"digest": policy.digest, "policy": policy.to_json(),
                    "passed_over": [{"entry": seq, "reason": why} for seq, why in passed_over]})
        return
    click.echo(policy.text, nl=not policy.text.endswith("\n"))
    for seq, why in passed_over:
        click.echo(f"Entry {seq} adopts a policy that does not count: {why}.", err=True)


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
