"""`privet ledger adopt`: an older, forked or other ledger counts, since its owner says so."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

import click

from privet.cli.ledgers import existing_ledger, ledger_option
from privet.cli.options import output_options
from privet.cli.policy import load_key
from privet.errors import InvalidBudget, InvalidInput, Refused

if TYPE_CHECKING:
    from privet.govern.budget import Budget, DataSet, Pin, Registry
    from privet.govern.ledger import Ledger


@click.command("adopt", short_help="Let a restored or replaced ledger count.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--lost", required=True, metavar="EPSILON",
              help="What was spent of each NAME since this copy, as far as you know; it is taken "
              "from its budget, and from those it was made from. 0 says that nothing was. What is "
              "left: privet budget show NAME.")
@click.option("--reason", required=True, metavar="TEXT", help="Why the other one is gone.")
@click.option("--owner-key", metavar="FILE",
              help="The owner's key file, for sets that were registered with --owner-key. The "
              "ledger's own key signs for the others.")
@ledger_option
@output_options
def adopt(
    names: tuple[str, ...], lost: str, reason: str, owner_key: str | None, where: str | None,
    as_json: bool,
) -> None:
    """Let the ledger that is there count in the place of the one that was used before.

    After each use the ledger's head is remembered, outside of it. Where the ledger was restored
    from a backup, replaced or forked since, the use of data is refused, until the owner of each
    registered set NAME (default: all) has adopted the ledger and said what was spent meanwhile.

    Others who used the ledger remember its head too, and adopt for themselves; if what was lost
    is recorded already, with --lost 0.

    \b
    Example:
      privet ledger adopt --lost 0 --reason "restored the backup of the same evening"
      privet ledger adopt patients --lost 1.5 --reason "disk lost; two models since" \\
          --owner-key owner.key
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget import Registry
    from privet.govern.budget import adopt as sign_in
    from privet.govern.budget.heads import conflicts, remember

    epsilon, ledger = _epsilon(lost), existing_ledger(where)
    pinned = conflicts(ledger)
    if not pinned:
        raise Refused("this ledger is the one that was last seen here, grown: there is nothing to "
                      "adopt", value=ledger.address, remedy="privet ledger verify")
    registry = Registry(ledger)
    chosen = _chosen(ledger, registry, pinned, names, epsilon)
    key = None if owner_key is None else load_key(owner_key)
    entries: dict[str, int] = {}
    for name, given_up in chosen.items():
        item = registry.get(name)
        gone = _spent(item, epsilon)
        for one in given_up:
            entry = sign_in(ledger, name, one, key if item.owner_key else None, lost=gone,
                            reason=reason)
            entries.setdefault(name, entry.seq)
            gone = None  # it is taken once, however many heads are given up
    left = _waiting(ledger, pinned) or {}
    if not left:
        remember(ledger)
    if as_json:
        print_json({"entries": entries, "lost": epsilon, "outstanding": list(left)})
        return
    for name, seq in entries.items():
        say(f"Adopted for {name}, entry {seq}.")
    if left:
        say(f"Still refused, until it is adopted for: {', '.join(left)}.")


def _epsilon(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise InvalidBudget("--lost is no epsilon", value=text, bound="0 <= epsilon < inf",
                            remedy="--lost EPSILON   # what was spent meanwhile")
    return found


def _waiting(ledger: Ledger, pinned: tuple[Pin, ...]) -> dict[str, list[Pin]] | None:
    """By set, the heads that its owner has not given up yet; None if there are no sets."""
    from privet.govern.budget.pins import outstanding

    found: dict[str, list[Pin]] = {}
    for one in pinned:
        names = outstanding(ledger, one)
        if names is None:
            return None
        for name in names:
            found.setdefault(name, []).append(one)
    return found


def _chosen(
    ledger: Ledger, registry: Registry, pinned: tuple[Pin, ...], names: tuple[str, ...],
    epsilon: float,
) -> dict[str, list[Pin]]:
    """The sets to adopt for and the heads to give up, checked before anything is written."""
    waiting = _waiting(ledger, pinned)
    if waiting is None:
        raise Refused("this ledger has no registered data set, so there is no budget from which "
                      "what was spent meanwhile could be taken", value=ledger.address,
                      remedy="privet dataset register NAME FILE --budget EPSILON")
    if not names and epsilon and len(waiting) > 1:
        name = shlex.quote(next(iter(waiting)))
        line = f"privet ledger adopt {name} --lost {epsilon:g} --reason TEXT"
        raise InvalidInput("what was spent of which data set is not said",
                           bound=f"one of {', '.join(waiting)}", remedy=line)
    for name in names:
        if registry.get(name).name not in waiting:
            raise InvalidInput("the ledger was adopted for this data set already", value=name,
                               bound=f"one of {', '.join(waiting)}")
    return {name: waiting[name] for name in names or waiting}


def _spent(item: DataSet, epsilon: float) -> Budget | None:
    """The lost epsilon with its share of the set's delta."""
    from dataclasses import replace

    if not epsilon:
        return None
    if item.budget.composition == "gaussian":
        return replace(item.budget, epsilon=epsilon)
    share = min(1.0, epsilon / item.budget.epsilon)
    return replace(item.budget, epsilon=epsilon, delta=item.budget.delta * share)
