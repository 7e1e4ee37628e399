"""`privet dataset`: give data a name and a budget, under which every use is recorded."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from privet.cli.ledgers import existing_ledger, ledger_option, public_key, written_ledger
from privet.cli.options import budget, chance, output_options, table_options
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.data import Dataset
    from privet.govern.budget import Budget
    from privet.govern.budget.balance import Balance
    from privet.govern.ledger import Entry, Ledger


@click.group("dataset", short_help="Give data a name and a budget.")
def command() -> None:
    """Registered data sets: a name, a privacy unit, a budget, and every version so far.

    Whatever is trained on a registered file, a copy of it, or a part of it, spends from its
    budget and is recorded, without being told.

    \b
    Example:
      privet dataset register patients patients.csv --unit patient_id --budget 3
      privet dataset list
    """


def _file_options(ask: Any) -> Any:
    schema = click.option("--schema", "schema_file", metavar="FILE",
                          help="TOML file that says what the columns mean. Default: the file "
                          "with FILE's name and the ending .toml, if there is one.")
    return schema(table_options(ask))


@command.command("register", short_help="Register a file or table under a name.")
@click.argument("name")
@click.argument("file")
@click.option("--budget", "epsilon", required=True, metavar="EPSILON",
              help="What all releases together may spend on one person.")
@click.option("--delta", default=None, metavar="NUMBER",
              help="The delta of all releases together. Default: just below 1 / units.")
@click.option("--composition", type=click.Choice(["basic", "gaussian"]), default="basic",
              show_default=True,
              help="How releases add up: basic takes any; gaussian takes only Gaussian noise on "
              "every unit, and ten equal releases then cost about three times one.")
@click.option("--unit", metavar="COLUMN",
              help="The column whose equal values are one person, or row: each row is one. "
              "Default: the schema's, or row.")
@click.option("--purpose", "purposes", multiple=True, metavar="NAME=EPSILON",
              help="A purpose with its own cap within the budget; other purposes are then "
              "refused. May be repeated.")
@click.option("--parent", "parents", multiple=True, metavar="NAME",
              help="A registered set that this one was filtered, joined or exported from; its "
              "budget is spent as well. May be repeated.")
@click.option("--disjoint", multiple=True, metavar="NAME",
              help="A registered set none of whose persons is in this one. May be repeated.")
@click.option("--owner", default="", metavar="TEXT", help="Who answers for the data.")
@click.option("--owner-key", metavar="FILE",
              help="The owner's public key, as 64 hex digits or in a file, or the owner's key "
              "file: only this key can then adopt another ledger in the place of a lost one.")
@_file_options
@ledger_option
@output_options
def register(
    name: str, file: str, epsilon: str, delta: str | None, composition: str, unit: str | None,
    purposes: tuple[str, ...], parents: tuple[str, ...], disjoint: tuple[str, ...], owner: str,
    owner_key: str | None, schema_file: str | None, table: str | None, query: str | None,
    where: str | None, as_json: bool,
) -> None:
    """Register the data of FILE under NAME, with a budget that is promised to its persons.

    Keyed hashes are kept, no data: by them the file is known again, and its relatives. They can
    be erased (privet dataset forget). A ledger is begun where there is none.

    \b
    Example:
      privet dataset register patients patients.csv --unit patient_id --budget 3
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget import Registry

    public = None if owner_key is None else public_key(owner_key)
    data = _data(file, schema_file, table, query, unit)
    rows, units = data.sizes()
    if rows == 0:
        raise InvalidInput("the file holds no rows", value=file, bound="at least one row",
                           remedy="a file with a line for each row below its header")
    promised = _budget(epsilon, delta, composition, units)
    caps = _caps(purposes, promised)
    with written_ledger(where, begin=True) as ledger:
        facts = _fingerprint(ledger, data)
        entry = Registry(ledger).register(
            name, unit=data.schema.unit.name, budget=promised, rows=rows, units=units,
            columns=data.columns, purposes=caps, parents=parents, disjoint_from=disjoint,
            owner=owner, owner_key=public, max_rows=data.schema.unit.max_rows, **facts,
        )
    if as_json:
        print_json({"name": name, "entry": entry.seq, "ledger": ledger.identity, "rows": rows,
                    "units": units, "unit": data.schema.unit.name, "budget": promised.to_json()})
        return
    say(f"Registered {name}: {rows} rows of {units} units ({data.schema.unit.name}), "
        f"epsilon {promised.epsilon:g} at delta {promised.delta:.2g} in all.")
    say(f"Entry {entry.seq} of ledger {ledger.identity} ({ledger.address}).")


@command.command("version", short_help="Record that registered data have grown or changed.")
@click.argument("name")
@click.argument("file")
@_file_options
@ledger_option
@output_options
def version(
    name: str, file: str, schema_file: str | None, table: str | None, query: str | None,
    where: str | None, as_json: bool,
) -> None:
    """Record FILE as the newest version of NAME. What was spent stays spent.

    After the hash key was changed (privet dataset rekey) or lost, it makes NAME known again.

    \b
    Example:
      privet dataset version patients patients-2027.csv
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget import Registry

    with written_ledger(where) as ledger:
        registry = Registry(ledger)
        known = registry.get(name)
        data = _data(file, schema_file, table, query, known.unit)
        rows, units = data.sizes()
        facts = _fingerprint(ledger, data)
        entry = registry.add_version(name, rows=rows, units=units, **facts)
    if as_json:
        print_json({"name": name, "entry": entry.seq, "rows": rows, "units": units})
    else:
        say(f"Version {len(known.versions) + 1} of {name}: {rows} rows of {units} units, "
            f"entry {entry.seq}.")


@command.command("forget", short_help="Erase keyed hashes of persons.")
@click.argument("name")
@click.argument("file", required=False)
@click.option("--all", "whole", is_flag=True, help="Erase the hashes of all persons of NAME.")
@_file_options
@ledger_option
@output_options
def forget(
    name: str, file: str | None, whole: bool, schema_file: str | None, table: str | None,
    query: str | None, where: str | None, as_json: bool,
) -> None:
    """Erase what is kept of the persons in FILE: keyed hashes of their ids or rows.

    FILE has the column of their ids, or, where a row is the unit, their whole rows. An entry
    says that something was erased, not of whom. Do it in the data first: a version that is
    registered later from data that hold them brings the hashes back.

    It costs little: a derived set of nobody else is not recognised. After --all, only exact
    copies are, until a version is registered again.

    \b
    Example:
      privet dataset forget patients leaving.csv
      privet dataset forget patients --all
    """
    from privet.cli.console import print_json, say
    from privet.data.fingerprint import unit_bytes
    from privet.govern.budget import Registry

    if whole == (file is not None):
        raise InvalidInput("whose hashes are to be erased is not said", bound="FILE or --all",
                           remedy=f"privet dataset forget {name} --all")
    with written_ledger(where) as ledger:
        registry = Registry(ledger)
        known = registry.get(name)
        if file is None:
            entry: Entry | None = registry.erase_sketch(name)
        else:
            data = _data(file, schema_file, table, query, known.unit)
            entry = registry.forget(name, *unit_bytes(data))
    if as_json:
        print_json({"name": name, "entry": None if entry is None else entry.seq})
    elif entry is None:
        say(f"No hash of these persons is kept for {name}; nothing was written.")
    else:
        say(f"Erased, entry {entry.seq}.")


@command.command("rekey", short_help="Change the key of the keyed hashes.")
@ledger_option
@output_options
def rekey(where: str | None, as_json: bool) -> None:
    """Make a new key for the keyed hashes, and erase all that were made with the old one.

    Nothing is recognised by old hashes under a new key. So registered data are refused until each
    set has a version under it: run privet dataset version NAME FILE for all that are named.

    \b
    Example:
      privet dataset rekey
      privet dataset version patients patients.csv
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget import Registry, rotate_hash_key

    with written_ledger(where) as ledger:
        entry = rotate_hash_key(ledger)
    waiting = [item.name for item in Registry(ledger).list() if item.key is not None]
    if as_json:
        print_json({"entry": entry.seq, "versions_needed": waiting})
        return
    say(f"The hash key is a new one, entry {entry.seq}. Until then their data are refused:")
    for name in waiting:
        say(f"  privet dataset version {name} FILE")


@command.command("list", short_help="List the registered sets and what is left of each.")
@ledger_option
@output_options
def list_sets(where: str | None, as_json: bool) -> None:
    """List the registered sets, with what was promised, spent and left.

    \b
    Example:
      privet dataset list
    """
    from privet.cli.console import Heading, print_json, print_table
    from privet.govern.budget import Registry

    registry = Registry(existing_ledger(where))
    sets = [(item, registry.balance(item.name)) for item in registry.list()]
    if as_json:
        print_json({"data_sets": [
            {"name": item.name, "unit": item.unit, "rows": item.rows, "units": item.units,
             "parents": list(item.parents), "versions": len(item.versions),
             **_levels(balance)} for item, balance in sets]})
        return
    headings = (Heading("name"), Heading("unit"), Heading("units", right=True, rank=2),
                Heading("budget", right=True), Heading("spent", right=True),
                Heading("left", right=True), Heading("from", rank=1))
    rows = [(item.name, item.unit, "" if item.units is None else str(item.units),
             f"{balance.budget.epsilon:g}", f"{balance.spent.epsilon:.3g}",
             "closed" if balance.closed else f"{balance.fits:.3g}", ", ".join(item.parents))
            for item, balance in sets]
    print_table("Registered data sets (epsilon)", headings, rows)


def _levels(balance: Balance) -> dict[str, Any]:
    return {"budget": balance.budget.to_json(), "spent": balance.spent.epsilon,
            "reserved": balance.reserved.epsilon, "fits": balance.fits,
            "fits_delta": balance.fits_delta, "closed": balance.closed}


def _data(
    file: str, schema_file: str | None, table: str | None, query: str | None, unit: str | None
) -> Dataset:
    """The data of the file, counted by the unit that was named."""
    from dataclasses import replace

    from privet.cli.sources import Source, open_data
    from privet.data import Unit

    data = open_data(Source(file, None, schema_file, table, query))
    if unit is None or unit == data.schema.unit.name:
        return data
    if unit == "row":
        named = Unit(declared=True)
    else:
        data.require(unit)
        named = Unit(unit, max_rows=data.schema.unit.max_rows)
    return data.with_schema(replace(data.schema, unit=named))


def _fingerprint(ledger: Ledger, data: Dataset) -> dict[str, Any]:
    from privet.data.fingerprint import content_hash, unit_bytes
    from privet.govern.budget import Sketch, hash_key

    key = hash_key(ledger)
    return {"version": content_hash(data, key), "sketch": Sketch.of(key, unit_bytes(data))}


def _budget(epsilon: str, delta: str | None, composition: Any, units: int) -> Budget:
    from privet.govern.budget import Budget

    found = chance(delta)
    # A delta of 1 / units would allow the release of one person in the clear.
    whole = budget(epsilon, "--budget 3")
    return Budget(whole, 0.99 / max(units, 2) if found is None else found, composition)


def _caps(texts: tuple[str, ...], whole: Budget) -> dict[str, Budget]:
    from dataclasses import replace

    found: dict[str, Budget] = {}
    for text in texts:
        name, equals, epsilon = (part.strip() for part in text.partition("="))
        line = f"--purpose {shlex.quote((name or 'research') + '=1')}"
        if not equals or not name:
            raise InvalidInput("--purpose names no cap", value=text, bound="NAME=EPSILON",
                               remedy=line)
        if name in found:
            raise InvalidInput("a purpose has one cap, and this one is given twice", value=name,
                               bound="each purpose once", remedy=line)
        found[name] = replace(whole, epsilon=budget(epsilon, line))
    return found
