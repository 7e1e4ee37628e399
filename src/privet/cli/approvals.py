"""`privet request`, `approve`, `deny` and `revoke`: people agree to one exact job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from privet.claims import Cost, Decision, Guarantee, Receipt, Request, Reservation
from privet.cli.ledgers import ledger_option, written_ledger
from privet.cli.options import (
    PROTECTIONS,
    budget,
    chance,
    data_options,
    output_options,
    training_options,
)
from privet.cli.policy import load_key
from privet.errors import InvalidInput, Refused, one_of

if TYPE_CHECKING:
    from privet.govern.ledger import Entry

Command = TypeVar("Command", bound=Callable[..., Any])


class Asking:
    """A steward that notes what would be asked, and lets nothing run."""

    def __init__(self) -> None:
        self.request: Request | None = None

    def decide(self, request: Request) -> Decision:
        """Note the request and refuse it."""
        self.request = request
        return Decision(granted=False, reason="only asked")

    def reserve(self, request: Request) -> Reservation:
        """Never: nothing was granted."""
        raise Refused("nothing was granted")

    def release(self, reservation: Reservation) -> None:
        """Never: nothing was reserved."""

    def forfeit(self, reservation: Reservation, reason: str) -> None:
        """Never: nothing was reserved."""

    def commit(self, reservation: Reservation, guarantee: Guarantee, cost: Cost) -> Receipt:
        """Never: nothing was reserved."""
        raise Refused("nothing was reserved")


@click.command("request", short_help="Ask for the approvals that a training needs.")
@data_options
@training_options
@click.option("--reason", required=True, metavar="TEXT",
              help="Why it should be approved, for those who decide.")
@click.option("--html", "html_file", metavar="FILE",
              help="Also write the request as one HTML page, for somebody who uses no shell.")
@output_options
def request(
    data: str, target: str | None, schema_file: str | None, table: str | None, query: str | None,
    protect: str, epsilon: str, delta: str | None, model: str | None, purpose: str, reason: str,
    html_file: str | None, as_json: bool,
) -> None:
    """Ask for the approvals that this training of DATA needs; nothing is read or spent.

    The options are those of 'privet train'. What is approved is exactly this job: another
    epsilon, model or version of the data is another one.

    \b
    Example:
      privet request patients.csv --epsilon 1 --purpose care --reason "yearly model"
      privet approve 3f2a9c --key maria.key
      privet train patients.csv --epsilon 1 --purpose care --out model.safetensors
    """
    from privet.cli.console import print_json, say
    from privet.cli.files import writable, write_text
    from privet.cli.sources import Source
    from privet.govern.budget.heads import remember
    from privet.govern.policy import page
    from privet.govern.policy import request as ask

    one_of(PROTECTIONS, protection=protect, remedy="--protect private")
    file = None if html_file is None else writable(html_file, option="--html")
    wanted, ledger, who = _wanted(Source(data, target, schema_file, table, query), protect,
                                  budget(epsilon), chance(delta), model, purpose)
    entry = ask(ledger, wanted, who, reason)
    remember(ledger)
    job = str((entry.payload or {})["job"])
    if file is not None:
        write_text(file, page(ledger, entry))
    if as_json:
        print_json({"job": job, "entry": entry.seq, "html": html_file})
        return
    say(f"Asked as entry {entry.seq}. Whoever may approve runs:")
    say(f"privet approve {job[:12]} --key FILE")
    if file is not None:
        say(f"As a page: {file}")


def _wanted(
    source: Any, protect: str, epsilon: float, delta: float | None, model: str | None,
    purpose: str,
) -> tuple[Request, Any, str]:
    """What the training would ask of the ledger, the ledger, and who asks."""
    from privet.cli.train import prepared
    from privet.estimators.stewardship import requester, stewarded

    data, estimator = prepared(source, protect, epsilon, delta, model)
    known, steward = stewarded(data)
    if steward is None:
        raise InvalidInput("no ledger keeps these data, so nobody needs to approve",
                           value=source.data, bound="a registered data set",
                           remedy=f"privet dataset register NAME {source.data} --budget 3")
    asking = Asking()
    try:
        estimator.fit(known, steward=asking, purpose=purpose)
    except Refused:
        if asking.request is None:
            raise
    assert asking.request is not None
    return asking.request, steward.ledger, requester()


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
