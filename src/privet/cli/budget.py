"""`privet budget`: what is left, what a year of releases would take, and moving budget."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from privet.cli.ledgers import MEND, existing_ledger, ledger_option, read_record, written_ledger
from privet.cli.options import budget as number
from privet.cli.options import chance, output_options
from privet.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from privet.govern.budget import Balance, Budget, Planned, PlanRow
    from privet.govern.ledger import Ledger


@click.group("budget", short_help="See what is left, and plan what it is spent on.")
def command() -> None:
    """Budgets of registered data: what was promised to the persons, and what became of it.

    \b
    Example:
      privet budget show patients
      privet budget plan --budget 3 --release "monthly counts:0.1:12:1"
    """


@command.command("show", short_help="Show what is left of a data set's budget.")
@click.argument("name")
@ledger_option
@output_options
def show(name: str, where: str | None, as_json: bool) -> None:
    """Show what was promised for the data set NAME, what was spent, and what still fits.

    \b
    Example:
      privet budget show patients
    """
    from privet.cli.console import Heading, print_json, print_table, say
    from privet.govern.budget import Registry

    ledger = existing_ledger(where)
    balance = Registry(ledger).balance(name)
    held = _held(ledger, name) if balance.reserved.loss or balance.reserved.delta else []
    if as_json:
        print_json({**_facts(balance), "open": held})
        return
    headings = (Heading("budget of"), Heading("epsilon", right=True), Heading("delta", right=True),
                Heading("spent", right=True), Heading("reserved", right=True, rank=1),
                Heading("one claim fits", right=True))
    rows = [_row(name, balance)]
    rows += [_row(f"  purpose {purpose}", cap) for purpose, cap in balance.purposes.items()]
    print_table(f"{name} ({balance.budget.composition} composition)", headings, rows)
    if balance.closed:
        say("This budget was moved to another ledger.")
    elif balance.fits > 0:
        say(f"The largest claim that fits: epsilon {balance.fits:.4g} at delta "
            f"{balance.fits_delta:.3g}"
            + (f", limited by {balance.limited_by}." if balance.limited_by != name else "."))
    for run in held:
        say(f"Reserved by entry {run['entry']} ({run['action']} by {run['requester'] or 'nobody'}, "
            f"{run['time'][:19].replace('T', ' ')} UTC), which is still running or was killed.")
    if held:
        say("What a killed run reserved counts as spent, now and later. Once it is sure that it "
            f"ended: privet budget forfeit {held[0]['entry']} --reason TEXT")


def _held(ledger: Ledger, name: str) -> list[dict[str, Any]]:
    """The reservations that are open and charge this set."""
    from privet.govern.evidence import Evidence

    found = Evidence.of(ledger)
    seqs = {item.reserved for item in found.charges if item.holder == name and item.ended is None}
    return [{"entry": run.reserved, "time": found.sources[run.reserved].time,
             "action": run.action.value if run.action else "",
             "requester": run.requester.value if run.requester else ""}
            for run in found.runs if run.reserved in seqs and run.reserved is not None]


@command.command("forfeit", short_help="Record that a run that was killed has ended.")
@click.argument("entry", type=click.IntRange(min=1))
@click.option("--reason", required=True, metavar="TEXT", help="What ended it, for the record.")
@ledger_option
@output_options
def forfeit(entry: int, reason: str, where: str | None, as_json: bool) -> None:
    """Settle the reservation of number ENTRY, whose run was killed: all of it is spent.

    Nothing comes back: the run may have read rows. If it still runs, its result is refused.

    \b
    Example:
      privet budget forfeit 17 --reason "the machine was switched off"
    """
    from privet.claims import Request, Reservation, from_json
    from privet.cli.console import print_json, say
    from privet.govern.steward import LedgerSteward

    with written_ledger(where) as ledger:
        found = ledger.get(entry)
        payload = found.payload
        if found.kind != "run.reserve" or payload is None:
            raise InvalidInput("the entry holds no reservation that can be read", value=entry,
                               bound="an entry of kind run.reserve",
                               remedy="privet ledger list --kind run.reserve")
        asked = payload["request"]
        request = Request(action=asked["action"], data_set=asked["data_set"],
                          guarantee=from_json(asked["guarantee"]))
        LedgerSteward(ledger).forfeit(Reservation(request=request, token=payload["token"]), reason)
    if as_json:
        print_json({"entry": entry, "data_set": request.data_set})
    else:
        say(f"Settled: what entry {entry} reserved of {request.data_set} is spent.")


@command.command("plan", short_help="See which of a year's releases fit, at which error.")
@click.argument("name", required=False)
@click.option("--budget", "epsilon", metavar="EPSILON",
              help="The budget to plan with, instead of what is left of NAME.")
@click.option("--delta", default=None, metavar="NUMBER",
              help="The delta of --budget. Default: 1e-6.")
@click.option("--composition", type=click.Choice(["basic", "gaussian"]), default="basic",
              show_default=True, help="How releases add up under --budget.")
@click.option("--release", "releases", multiple=True, required=True,
              metavar="WHAT:EPSILON[:TIMES[:SENSITIVITY]]",
              help="A planned release. SENSITIVITY, the most that one person adds to the "
              "released number, gives the error beforehand. May be repeated.")
@click.option("--release-delta", default="1e-8", show_default=True, metavar="NUMBER",
              help="The delta that each release will claim.")
@ledger_option
@output_options
def plan(
    name: str | None, epsilon: str | None, delta: str | None, composition: Any,
    releases: tuple[str, ...], release_delta: str, where: str | None, as_json: bool,
) -> None:
    """Go through planned releases in order, and say which fit and what is left.

    \b
    Example:
      privet budget plan --budget 3 --release "monthly counts:0.1:12:1" --release "model:1"
      privet budget plan patients --release "model:0.5:2"
    """
    from privet.cli.console import Heading, print_json, print_table
    from privet.govern.budget import Budget, Registry
    from privet.govern.budget import plan as lay_out

    if (name is None) == (epsilon is None):
        raise InvalidInput("a plan is for what is left of a data set, or for a budget",
                           bound="NAME or --budget, one of both", remedy="--budget 3")
    each = chance(release_delta) or 1e-8
    planned = [_planned(text, each) for text in releases]
    if epsilon is not None:
        whole: Budget = Budget(number(epsilon, "--budget 3"), chance(delta) or 1e-6, composition)
    else:
        whole = _left(Registry(existing_ledger(where)).balance(str(name)))
    rows = lay_out(whole, planned)
    if as_json:
        print_json({"budget": whole.to_json(), "releases": [_planned_facts(row) for row in rows],
                    "all_fit": all(row.all_fit for row in rows)})
        return
    headings = (Heading("release"), Heading("epsilon", right=True), Heading("times", right=True),
                Heading("fit", right=True), Heading("epsilon left", right=True),
                Heading("error (sd)", right=True, rank=1))
    print_table(f"A budget of epsilon {whole.epsilon:.4g} at delta {whole.delta:.2g}", headings, [
        (row.planned.what, f"{row.planned.epsilon:g}", str(row.planned.times), str(row.fits),
         f"{row.left.epsilon:.3g}", "" if row.error is None else f"{row.error:.3g}")
        for row in rows])


@command.command("audit", short_help="Check the cached totals against the entries, or mend them.")
@click.option("--rebuild", is_flag=True,
              help="Write the totals anew from the entries first, where they can be added up.")
@ledger_option
@output_options
def audit(rebuild: bool, where: str | None, as_json: bool) -> None:
    """Add up all entries anew and compare with the totals and sketches that decisions use.

    \b
    Example:
      privet budget audit
      privet budget audit --rebuild
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget import audit_totals, rebuild_totals
    from privet.govern.ledger import verify

    ledger = existing_ledger(where)
    if rebuild:
        rebuild_totals(ledger)
    problems = audit_totals(ledger)
    if as_json:
        print_json({"holds": not problems, "problems": problems})
    if problems:
        sound = verify(ledger).ok
        raise Refused("what decisions use differs from the entries: " + "; ".join(problems),
                      remedy=MEND if sound else "privet ledger verify   # entries were changed")
    if not as_json:
        say("The totals are those of the entries.")


@command.command("transfer", short_help="Move budget to another ledger.")
@click.argument("name")
@click.option("--to", "target", required=True, metavar="HEX",
              help="The identity of the other ledger, as 'privet ledger list' shows it there.")
@click.option("--share", default="all", show_default=True, metavar="SHARE",
              help="The part of what is left, between 0 and 1, or all, which closes it here.")
@click.option("--out", required=True, metavar="FILE", help="The record to hand over.")
@ledger_option
@output_options
def transfer(
    name: str, target: str, share: str, out: str, where: str | None, as_json: bool
) -> None:
    """Move budget of NAME to another ledger: it leaves here, and can be imported once there.

    \b
    Example:
      privet budget transfer patients --to 0f3c... --share 0.5 --out for-them.json
    """
    from privet.cli.console import print_json, say
    from privet.cli.files import writable, write_text
    from privet.govern.budget import export_budget

    file, part = writable(out), _share(share)
    with written_ledger(where) as ledger:
        record = export_budget(ledger, name, part, to=target)
    write_text(file, json.dumps(record, indent=2) + "\n")
    if as_json:
        print_json({"record": str(file), "entry": record["entry"]["seq"], "key": ledger.head().key})
        return
    say(f"Moved as entry {record['entry']['seq']}: {file}")
    say(f"They run: privet budget import {shlex.quote(file.name)} --key-id {ledger.head().key}")


@command.command("import", short_help="Take in budget that another ledger moved here.")
@click.argument("file")
@click.option("--key-id", required=True, metavar="HEX",
              help="The id of the other ledger's key, told by its owner.")
@ledger_option
@output_options
def take_in(file: str, key_id: str, where: str | None, as_json: bool) -> None:
    """Take in the record FILE of a budget that was moved here.

    \b
    Example:
      privet budget import from-them.json --key-id 5d1e...
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget import import_budget

    record = read_record(file, "privet budget transfer NAME --to HEX --out FILE")
    with written_ledger(where, begin=True) as ledger:
        entry = import_budget(ledger, record, key=key_id)
    if as_json:
        print_json({"entry": entry.seq})
    else:
        say(f"Taken in as entry {entry.seq}.")


def _share(text: str) -> Any:
    if text == "all":
        return text
    try:
        return float(text)
    except ValueError:
        raise InvalidInput("--share is no number", value=text, bound="between 0 and 1, or all",
                           remedy="--share 0.5") from None


def _planned(text: str, delta: float) -> Planned:
    from privet.govern.budget import Planned

    parts = text.split(":")
    if not 2 <= len(parts) <= 4:
        raise InvalidInput("--release is not understood", value=text,
                           bound="WHAT:EPSILON[:TIMES[:SENSITIVITY]]",
                           remedy='--release "monthly counts:0.1:12:1"')
    try:
        times = int(parts[2]) if len(parts) > 2 else 1
        sensitivity = float(parts[3]) if len(parts) > 3 else None
    except ValueError:
        raise InvalidInput("--release holds something that is no number", value=text,
                           bound="WHAT:EPSILON[:TIMES[:SENSITIVITY]]",
                           remedy='--release "monthly counts:0.1:12:1"') from None
    return Planned(what=parts[0], delta=delta, times=times, sensitivity=sensitivity,
                   epsilon=number(parts[1], '--release "monthly counts:0.1:12:1"'))


def _left(balance: Balance) -> Budget:
    """What one further claim could take, as a budget to plan with."""
    from dataclasses import replace

    if balance.closed or balance.fits <= 0:
        raise Refused(f"nothing is left of the budget of {balance.name!r} to plan with",
                      remedy=f"privet budget show {shlex.quote(balance.name)}")
    return replace(balance.budget, epsilon=balance.fits, delta=balance.fits_delta)


def _row(name: str, balance: Balance) -> tuple[str, ...]:
    return (name, f"{balance.budget.epsilon:g}", f"{balance.budget.delta:.3g}",
            f"{balance.spent.epsilon:.4g}", f"{balance.reserved.epsilon:.4g}",
            f"{balance.fits:.4g}")


def _facts(balance: Balance) -> dict[str, Any]:
    def level(found: Any) -> dict[str, float]:
        return {"epsilon": found.epsilon, "delta": found.delta, "loss": found.loss}

    return {
        "name": balance.name, "budget": balance.budget.to_json(), "spent": level(balance.spent),
        "reserved": level(balance.reserved), "left": level(balance.left), "fits": balance.fits,
        "fits_delta": balance.fits_delta, "limited_by": balance.limited_by,
        "closed": balance.closed,
        "purposes": {purpose: _facts(cap) for purpose, cap in balance.purposes.items()},
    }


def _planned_facts(row: PlanRow) -> dict[str, Any]:
    return {"what": row.planned.what, "epsilon": row.planned.epsilon, "times": row.planned.times,
            "fits": row.fits, "left": row.left.epsilon, "error": row.error}
