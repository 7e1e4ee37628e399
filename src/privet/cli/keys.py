"""`privet key`: keys of persons and of the ledger, made, changed, and replaced when lost."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from privet.cli.ledgers import (
    existing_ledger,
    ledger_option,
    public_key,
    read_record,
    written_ledger,
)
from privet.cli.options import output_options
from privet.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from privet.govern.ledger import Ledger, Signature, SigningKey, Statement

_STATEMENT = "privet key statement --new-key new.key --out statement.json"


@click.group("key", short_help="Make keys; change the ledger's key; replace a lost one.")
def command() -> None:
    """Keys: each person's own, and the one with which the ledger signs its entries.

    A key file is encrypted, under the passphrase in PRIVET_LEDGER_PASSPHRASE or a random one that
    is written beside it. Whoever has both can sign as its owner.

    \b
    Example:
      privet key new --out anna.key            # each person, on a machine of their own
      privet key approvers anna.pub bo.pub     # may replace the ledger's key if it is lost
      privet key rotate                        # when somebody who could read it has left
      privet key list
    """


@command.command("new", short_help="Make a key for a person.")
@click.option("--out", required=True, metavar="FILE", help="The private key file to write.")
@output_options
def new(out: str, as_json: bool) -> None:
    """Make an Ed25519 key for a person, encrypted in FILE, and print its public half.

    The private half stays with the person; a policy or a ledger names the public half. Whoever
    has the file and its passphrase can sign in this person's name.

    \b
    Example:
      privet key new --out maria.key
    """
    from privet.cli.console import print_json, say
    from privet.cli.files import writable
    from privet.govern.ledger import SigningKey

    file = writable(out)
    made = SigningKey.generate()
    try:
        made.save(file)
    except FileExistsError:
        raise InvalidInput("there is a file of this name, and a key is never written over",
                           value=out, bound="a new file", remedy="--out another.key") from None
    if as_json:
        print_json({"key": str(file), "public": made.public.hex(), "id": made.id})
        return
    say(f"Key: {file}")
    say("For a policy, under [approvers]:")
    say(f'"NAME" = "{made.public.hex()}"')


@command.command("list", short_help="List the keys, and who signed what.")
@ledger_option
@output_options
def list_keys(where: str | None, as_json: bool) -> None:
    """List the ledger's keys and people's keys, with what each has signed.

    \b
    Example:
      privet key list
    """
    from privet.cli.console import Heading, print_json, print_table

    ledger = existing_ledger(where)
    rows = [*_own(ledger), *_people(ledger)]
    if as_json:
        print_json({"ledger": ledger.identity, "keys": rows})
        return
    headings = (Heading("key"), Heading("whose"), Heading("may"), Heading("has signed"))
    print_table(f"Keys of ledger {ledger.identity}", headings,
                [(row["key"], row["whose"], "; ".join(row["may"]), row["signed"])
                 for row in rows])


def _own(ledger: Ledger) -> list[dict[str, Any]]:
    from privet.govern.ledger import held_keys

    return [{
        "key": each.id, "whose": "the ledger",
        "may": ["sign entries now"] if each.current else [],
        "signed": f"{each.signed} entries, from entry {each.since} ({each.began})",
    } for each in held_keys(ledger)]


def _people(ledger: Ledger) -> list[dict[str, Any]]:
    """Whoever the ledger or its policy names, by key."""
    from privet.govern.ledger.records import key_id
    from privet.govern.policy import Policy, signers

    policy = Policy.from_ledger(ledger)
    names: dict[bytes, list[str]] = {}
    may: dict[bytes, list[str]] = {}
    acts = Counter(signers(ledger).values())
    if policy is not None:
        if policy.content.owner_key is not None:
            names.setdefault(policy.content.owner_key, []).append(f"the owner, {policy.owner}")
            may.setdefault(policy.content.owner_key, []).append("adopt policies")
        for person in policy.approvers:
            names.setdefault(person.public, []).append(person.name)
            may.setdefault(person.public, []).append("approve runs")
    for public in sorted(ledger.keys.approvers):
        may.setdefault(public, []).append("replace the ledger's key")
    return [{
        "key": key_id(public), "whose": ", ".join(names.get(public, [])) or "not named in a policy",
        "may": allowed, "signed": _acts(sum(acts[name] for name in names.get(public, []))),
    } for public, allowed in may.items()]


def _acts(count: int) -> str:
    return "one approval or denial" if count == 1 else f"{count or 'no'} approvals or denials"


@command.command("rotate", short_help="Follow the ledger's key by a new one.")
@ledger_option
@output_options
def rotate(where: str | None, as_json: bool) -> None:
    """Follow the ledger's key by a new one; both sign the entry that says so.

    The new key's file takes the old one's place. What the old key has signed stays valid, and it
    signs nothing more.

    \b
    Example:
      privet key rotate
    """
    from privet.cli.console import print_json, say
    from privet.govern.ledger import rotate_key

    with written_ledger(where) as ledger:
        entry = rotate_key(ledger)
        current = ledger.keys.current_id
    if as_json:
        print_json({"entry": entry.seq, "old": entry.key, "new": current})
    else:
        say(f"Entry {entry.seq}: key {current} follows key {entry.key}.")


@command.command("approvers", short_help="Name who may replace the ledger's key if it is lost.")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@ledger_option
@output_options
def approvers(keys: tuple[str, ...], where: str | None, as_json: bool) -> None:
    """Name the persons of whom two together may replace the ledger's key when it is lost.

    KEY is a public key (64 hex digits), a file that holds one, or a key file. These take the
    place of those named before.

    \b
    Example:
      privet key approvers anna.pub bo.pub cara.pub
    """
    from privet.cli.console import print_json, say
    from privet.govern.ledger import name_approvers
    from privet.govern.ledger.records import key_id

    publics = [bytes.fromhex(public_key(text)) for text in keys]
    if len(set(publics)) < 2:
        raise InvalidInput("two persons replace a lost key together, so at least two are named",
                           value=len(set(publics)), bound="two keys or more",
                           remedy="privet key approvers anna.pub bo.pub")
    with written_ledger(where) as ledger:
        if set(publics) & set(ledger.keys.known.values()):
            raise Refused("one of these is the ledger's own key, which cannot replace itself",
                          bound="persons' own keys", remedy="privet key new --out anna.key")
        entry = name_approvers(ledger, publics)
    if as_json:
        print_json({"entry": entry.seq, "approvers": [key_id(public) for public in publics]})
    else:
        say(f"Entry {entry.seq}: two of {', '.join(map(key_id, publics))} may replace the key.")


@command.command("statement", short_help="Write what approvers sign to replace a lost key.")
@click.option("--new-key", required=True, metavar="FILE",
              help="The key file that takes the lost one's place; 'privet key new' makes one.")
@click.option("--out", required=True, metavar="FILE", help="The statement to write, as JSON.")
@ledger_option
@output_options
def statement(new_key: str, out: str, where: str | None, as_json: bool) -> None:
    """Write the statement that two approvers sign, so that a new key replaces the lost one.

    Each approver reads and signs it on a machine of their own (privet key sign).

    \b
    Example:
      privet key new --out new.key
      privet key statement --new-key new.key --out statement.json
    """
    from privet.cli.files import writable
    from privet.cli.policy import load_key
    from privet.govern.ledger import replacement_statement

    file = writable(out, reads=(new_key,))
    made = replacement_statement(existing_ledger(where), load_key(new_key).public)
    tell_statement(made, file, as_json=as_json)


def tell_statement(made: Statement, file: Path, *, as_json: bool) -> None:
    """Write a statement, and say what those who sign it do."""
    from privet.cli.console import print_json, say
    from privet.cli.files import write_text

    write_text(file, json.dumps(made.to_json(), indent=2) + "\n")
    if as_json:
        print_json({"statement": str(file)})
        return
    for line in made.lines():
        say(line)
    say(f"Statement: {file}. Whoever signs it runs:")
    say(f"privet key sign {shlex.quote(str(file))} --key FILE --out SIGNATURE.json")


@command.command("sign", short_help="Sign a statement with a key of one's own.")
@click.argument("file")
@click.option("--key", "key_file", required=True, metavar="FILE",
              help="The private key of the person who signs.")
@click.option("--out", required=True, metavar="FILE", help="The signature to write, as JSON.")
@output_options
def sign(file: str, key_file: str, out: str, as_json: bool) -> None:
    """Say what the statement FILE means, sign it, and write the signature for whoever asked.

    No ledger is needed: the private key stays on its owner's machine.

    \b
    Example:
      privet key sign statement.json --key anna.key --out anna.json
    """
    from privet.cli.console import print_json, say
    from privet.cli.files import writable, write_text
    from privet.cli.policy import load_key
    from privet.govern.ledger import Signature

    target = writable(out, reads=(file, key_file))
    asked, key = read_statement(file), load_key(key_file)
    made = Signature.by(key, asked)
    write_text(target, json.dumps(made.to_json(), indent=2) + "\n")
    if as_json:
        print_json({"signature": str(target), "key": key.id, "says": asked.lines()})
        return
    say("You have signed:")
    for line in asked.lines():
        say(f"  {line}")
    say(f"Signature by key {key.id}: {target}")


def read_statement(file: str) -> Statement:
    """A statement from its file.

    Raises:
        InvalidInput: the file is not there or holds something else.
    """
    from privet.govern.ledger import Replacement
    from privet.govern.policy import Adoption

    record = read_record(file, _STATEMENT)
    if record.get("statement") == Adoption.KIND:
        return Adoption.from_json(record)
    return Replacement.from_json(record)


def read_signatures(files: tuple[str, ...], asked: Statement) -> list[Signature]:
    """Signatures on one statement.

    Raises:
        InvalidInput: a file is not there or holds something else.
        Refused: one is of another statement.
    """
    from privet.govern.ledger import Signature

    remedy = "privet key sign statement.json --key anna.key --out anna.json"
    found = []
    for file in files:
        made = Signature.from_json(read_record(file, remedy))
        if not made.holds(asked):
            raise Refused("this is no signature on the statement as it stands now", value=file,
                          bound="signatures on one statement, made since the ledger's last entry",
                          remedy=remedy)
        found.append(made)
    return found


@command.command("replace", short_help="Replace a lost key with two approvers' signatures.")
@click.argument("signatures", nargs=-1, required=True, metavar="SIGNATURE...")
@click.option("--new-key", required=True, metavar="FILE",
              help="The key file that was named in the statement.")
@click.option("--reason", required=True, metavar="TEXT", help="What happened to the old key.")
@ledger_option
@output_options
def replace(
    signatures: tuple[str, ...], new_key: str, reason: str, where: str | None, as_json: bool
) -> None:
    """Replace the ledger's lost key with the one in --new-key, as two approvers have signed.

    The break is visible: every later verification reports it.

    \b
    Example:
      privet key replace anna.json bo.json --new-key new.key --reason "the disk broke"
    """
    from privet.cli.console import print_json, say
    from privet.cli.policy import load_key
    from privet.govern.ledger import replace_key, replacement_statement

    key: SigningKey = load_key(new_key)
    with written_ledger(where) as ledger:
        asked = replacement_statement(ledger, key.public)
        entry = replace_key(ledger, key, read_signatures(signatures, asked), reason)
        path = ledger.keyring.path
    if as_json:
        print_json({"entry": entry.seq, "key": key.id, "file": str(path)})
    else:
        say(f"Entry {entry.seq}: key {key.id} signs from now on. It is kept as {path}.")
