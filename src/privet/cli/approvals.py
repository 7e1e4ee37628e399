"""`privet approve`, `deny` and `revoke`: people agree to one exact job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from privet.cli.ledgers import ledger_option, written_ledger
from privet.cli.options import output_options
from privet.cli.policy import load_key
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.govern.ledger import Entry

Command = TypeVar("Command", bound=Callable[..., Any])


def _act_options(ask: Command) -> Command:
    """Add what approve, deny and revoke share."""
    for option in reversed((
        click.argument("job"),
        click.option("--key", "key_file", required=True, metavar="FILE",
                     help="The private key of the person who acts; the policy names its public "
                     "half."),
        ledger_option,
        output_options,
    )):
        ask = option(ask)
    return ask


@click.command("approve", short_help="Approve a requested job.")
@click.option("--days", type=click.IntRange(min=1), default=7, show_default=True,
              help="For how many days; at most as many as the policy allows.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record.")
@_act_options
def approve(
    job: str, key_file: str, days: int, reason: str, where: str | None, as_json: bool
) -> None:
    """Approve the exact job of digest JOB (or its beginning), under a key that the policy names.

    \b
    Example:
      privet approve 3f2a9c --key maria.key --days 3
    """
    from privet.govern.policy import approve as grant

    key = load_key(key_file)
    until = datetime.now(UTC) + timedelta(days=days) - timedelta(minutes=1)
    with written_ledger(where) as ledger:
        entry = grant(ledger, _whole(ledger, job), key, expires=until, reason=reason)
    _tell(entry, "Approved", as_json=as_json)


@click.command("deny", short_help="Deny a requested job.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the record.")
@_act_options
def deny(job: str, key_file: str, reason: str, where: str | None, as_json: bool) -> None:
    """Deny the job of digest JOB (or its beginning), whoever else approves.

    \b
    Example:
      privet deny 3f2a9c --key maria.key --reason "not for this purpose"
    """
    from privet.govern.policy import deny as refuse

    key = load_key(key_file)
    with written_ledger(where) as ledger:
        entry = refuse(ledger, _whole(ledger, job), key, reason=reason)
    _tell(entry, "Denied", as_json=as_json)


@click.command("revoke", short_help="Take back an approval or a denial.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the record.")
@_act_options
def revoke(job: str, key_file: str, reason: str, where: str | None, as_json: bool) -> None:
    """Take back what this key said of the job of digest JOB; what has run already has run.

    \b
    Example:
      privet revoke 3f2a9c --key maria.key --reason "the study has ended"
    """
    from privet.govern.policy import revoke as take_back

    key = load_key(key_file)
    with written_ledger(where) as ledger:
        entry = take_back(ledger, _whole(ledger, job), key, reason=reason)
    _tell(entry, "Revoked", as_json=as_json)


def _whole(ledger: Any, job: str) -> str:
    """The whole digest that begins like this, of the requests in the ledger."""
    payloads = (entry.payload or {} for entry in ledger.entries(kind="approval.request"))
    jobs = dict.fromkeys(str(payload.get("job")) for payload in payloads)
    found = [each for each in jobs if each.startswith(job)] if len(job) >= 6 else []
    if len(found) != 1:
        raise InvalidInput("this names no request, or several", value=job,
                           bound="6 or more first digits of a request's digest",
                           remedy="privet policy pending")
    return found[0]


def _tell(entry: Entry, done: str, *, as_json: bool) -> None:
    from privet.cli.console import print_json, say

    payload = entry.payload or {}
    if as_json:
        print_json({"entry": entry.seq, "job": payload["job"], "expires": payload["expires"]})
        return
    until = f" until {payload['expires']}" if payload["expires"] else ""
    say(f"{done} as entry {entry.seq}: job {payload['job'][:12]}{until}.")
