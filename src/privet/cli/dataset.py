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
    from privet.govern.ledger import Entry


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
    from privet.estimators.recognition import fingerprint
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
        registry, unit = Registry(ledger), data.schema.unit.name
        known_as, traces = fingerprint(ledger, data.source, registry.list(), unit)
        entry = registry.register(
            name, unit=unit, budget=promised, version=known_as, rows=rows, units=units,
            columns=data.columns, purposes=caps, parents=parents, traces=traces, owner=owner,
            owner_key=public, disjoint_from=disjoint, max_rows=data.schema.unit.max_rows,
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
@click.option("--attest", metavar="TEXT",
              help="Why FILE is NAME, where no hash can tell: its hash key was lost, or its hashes "
              "were erased. Rows, units and columns must be as registered. After a change of the "
              "key: why versions that FILE is not like need not be recognised any more.")
@_file_options
@ledger_option
@output_options
def version(
    name: str, file: str, attest: str | None, schema_file: str | None, table: str | None,
    query: str | None, where: str | None, as_json: bool,
) -> None:
    """Record FILE as the newest version of NAME. What was spent stays spent.

    After the hash key was changed (privet dataset rekey), it makes NAME known by the new one;
    FILE must then be NAME by the old one, grown or changed. Where that was lost, somebody has to
    say why it is; that is written down with their name, and shown with NAME and in reports.

    \b
    Example:
      privet dataset version patients patients-2027.csv
      privet dataset version patients patients.csv --attest "the disk with the key broke"
    """
    from privet.cli.console import print_json, say
    from privet.estimators.recognition import fingerprint
    from privet.estimators.stewardship import requester
    from privet.govern.budget import Registry

    with written_ledger(where) as ledger:
        registry = Registry(ledger)
        known = registry.get(name)
        data = _data(file, schema_file, table, query, known.unit)
        rows, units = data.sizes()
        known_as, traces = fingerprint(ledger, data.source, registry.list(), known.unit)
        entry = registry.add_version(
            name, version=known_as, rows=rows, units=units, columns=data.columns, traces=traces,
            attested=None if attest is None else (requester(), attest),
        )
        behind = sum(one.key != traces.key for one in registry.get(name).sketches)
    if as_json:
        print_json({"name": name, "entry": entry.seq, "rows": rows, "units": units,
                    "attested": attest is not None, "known_by_old_key": behind})
        return
    say(f"Version {len(known.versions) + 1} of {name}: {rows} rows of {units} units, "
        f"entry {entry.seq}.")
    if behind:
        say(f"{behind} of its versions, which FILE is not like, are known by the old hash key "
            "alone. It is kept until their files are versions too, or --attest gives them up.")


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

    FILE has their whole rows, as they were registered. The column of their ids is enough, but
    then the hashes of all rows go, by which ids are recognised that were rewritten. An entry says
    that something was erased, not of whom. Do it in the data first: a version that is registered
    later from data that hold them brings the hashes back.

    It costs little: a derived set of nobody else is not recognised. After --all, only exact
    copies are, until a version is registered again.

    \b
    Example:
      privet dataset forget patients leaving.csv
      privet dataset forget patients --all
    """
    from privet.cli.console import print_json, say
    from privet.data.fingerprint import scan
    from privet.govern.budget import Registry

    if whole == (file is not None):
        raise InvalidInput("whose hashes are to be erased is not said", bound="FILE or --all",
                           remedy=f"privet dataset forget {shlex.quote(name)} --all")
    with written_ledger(where) as ledger:
        registry = Registry(ledger)
        known = registry.get(name)
        if file is None:
            entry: Entry | None = registry.erase_sketch(name)
        else:
            source = _data(file, schema_file, table, query, known.unit).source
            by_row = known.unit == "row"
            parts = [*scan(source, less=[] if by_row else [known.unit],
                           ids=[] if by_row else [known.unit])]
            rows = [row for part in parts for row in (
                part.rows if by_row else part.less[known.unit])]
            ids = rows if by_row else [one for part in parts for one in part.ids[known.unit]]
            whole_rows = {*source.columns} == {*known.columns}
            entry = registry.forget(name, *ids, contents=rows if whole_rows else ())
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
    """Make a new key for the keyed hashes.

    The old key is kept until each set has a version under the new one: run privet dataset version
    NAME FILE for all that are named. Until then a set is recognised by the old key. What that has
    hashed of a version is erased with a new one that it is like, and the old key with the last.

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
    say(f"The hash key is a new one, entry {entry.seq}. The old one is kept until then:")
    for name in waiting:
        say(f"  privet dataset version {shlex.quote(name)} FILE")


@command.command("show", short_help="Show a registered set and its versions.")
@click.argument("name")
@ledger_option
@output_options
def show(name: str, where: str | None, as_json: bool) -> None:
    """Show what is registered of NAME, and which versions rest on somebody's word alone.

    \b
    Example:
      privet dataset show patients
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget import Registry

    item = Registry(existing_ledger(where)).get(name)
    breaks = [{"entry": one.seq, "by": one.by, "reason": one.reason} for one in item.attested]
    if as_json:
        print_json({"name": name, "entry": item.seq, "unit": item.unit, "rows": item.rows,
                    "units": item.units, "columns": list(item.columns), "owner": item.owner,
                    "versions": list(item.versions), "parents": list(item.parents),
                    "disjoint": list(item.disjoint_from), "attested": breaks})
        return
    say(f"{name}: {item.rows} rows of {item.units} units ({item.unit}), registered as entry "
        f"{item.seq}.")
    for label, values in (("Columns", item.columns), ("Made from", item.parents),
                          ("Disjoint from", item.disjoint_from),
                          ("Owner", [item.owner] if item.owner else [])):
        if values:
            say(f"{label}: {', '.join(values)}.")
    say(f"Versions: {len(item.versions)}, the newest {item.version[:16]}.")
    for one in item.attested:
        say(f"BREAK at entry {one.seq}: no hash tells that this version is {name}; "
            f"{one.by or 'somebody'} says so: {one.reason}")


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
        # The name may hold the sign, a number does not.
        name, equals, epsilon = (part.strip() for part in text.rpartition("="))
        line = f"--purpose {shlex.quote((name or epsilon or 'research') + '=1')}"
        if not equals or not name:
            raise InvalidInput("--purpose names no cap", value=text, bound="NAME=EPSILON",
                               remedy=line)
        if name in found:
            raise InvalidInput("a purpose has one cap, and this one is given twice", value=name,
                               bound="each purpose once", remedy=line)
        found[name] = replace(whole, epsilon=budget(epsilon, line))
    return found
