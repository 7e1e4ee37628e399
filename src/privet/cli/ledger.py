"""`privet ledger`: read, verify, export and witness the record of every use of the data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from privet.cli.adopt import adopt
from privet.cli.ledgers import (
    MEND,
    existing_ledger,
    ledger_option,
    read_receipt,
    read_record,
    summary,
    written_ledger,
)
from privet.cli.options import output_options
from privet.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from privet.govern.ledger import Entry, Ledger, Receipt


@click.group("ledger", short_help="Read, verify, export and witness the record of every use.")
def command() -> None:
    """The record of every use of registered data: append-only, chained and signed.

    \b
    Example:
      privet ledger list
      privet ledger verify --receipt last-month.json
    """


command.add_command(adopt)


@command.command("list", short_help="List the entries.")
@ledger_option
@click.option("--kind", metavar="KIND", help="Only entries of this kind, for example run.commit.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, metavar="N",
              help="How many of the newest entries.")
@output_options
def list_entries(where: str | None, kind: str | None, last: int, as_json: bool) -> None:
    """List the newest entries, the oldest of them first.

    \b
    Example:
      privet ledger list --kind run.commit --last 5
    """
    from collections import deque

    from privet.cli.console import Heading, print_json, print_table

    ledger = existing_ledger(where)
    entries: deque[Entry] = deque(ledger.entries(kind=kind), maxlen=last)
    if as_json:
        print_json({"ledger": ledger.identity, "entries": [_facts(entry) for entry in entries]})
        return
    headings = (Heading("entry", right=True), Heading("time (UTC)", rank=1), Heading("kind"),
                Heading("what"), Heading("key", rank=2))
    rows = [(str(e.seq), e.time[:19].replace("T", " "), e.kind, summary(e), e.key[:8])
            for e in entries]
    print_table(f"Ledger {ledger.identity}", headings, rows)


@command.command("show", short_help="Show one entry.")
@click.argument("entry", type=click.IntRange(min=1))
@ledger_option
@output_options
def show(entry: int, where: str | None, as_json: bool) -> None:
    """Show the entry of number ENTRY whole, as it was written.

    \b
    Example:
      privet ledger show 17
    """
    from privet.cli.console import print_json, say

    found = existing_ledger(where).get(entry)
    if as_json:
        print_json(_facts(found))
        return
    say(f"Entry {found.seq}, {found.kind}, {found.time}, signed by key {found.key}")
    if found.redacted:
        say("Its payload was redacted; what remains is its commitment "
            f"{found.commitment.hex()}.")
    else:
        say(json.dumps(found.payload, indent=2, ensure_ascii=False))


@command.command("verify", short_help="Check that nothing was changed, deleted or moved.")
@ledger_option
@click.option("--receipt", "receipt_file", metavar="FILE",
              help="A receipt that was kept elsewhere. With one, cut off entries and a restored "
              "backup are found also where the ledger was not used before.")
@output_options
def verify_entries(where: str | None, receipt_file: str | None, as_json: bool) -> None:
    """Check every entry, payload, hash and signature; name the first that does not hold.

    What stands beside the entries, the cached totals of budgets and the sketches of data sets,
    must be what they say. It must also be the ledger that was last used here, grown: not an
    older copy, wherever it lies, nor another one. Ends with exit code 0 only if all holds.

    \b
    Example:
      privet ledger verify --receipt last-month.json
    """
    from privet.cli.console import print_json, say
    from privet.govern.budget.heads import check, conflicts
    from privet.govern.ledger import verify

    receipt = None if receipt_file is None else read_receipt(receipt_file)
    ledger = existing_ledger(where)
    verdict = verify(ledger, receipt)
    beside, unknown = _beside(ledger) if verdict.ok else (None, None)
    if as_json:
        print_json({"holds": verdict.ok and not beside, "ledger": verdict.ledger,
                    "entries": verdict.entries,
                    "findings": [{"entry": f.seq, "field": f.field, "problem": f.problem}
                                 for f in verdict.findings],
                    "redacted": verdict.redacted, "breaks": list(verdict.breaks),
                    "backwards": list(verdict.backwards),
                    "beside": beside, "beside_unknown": unknown,
                    "against_receipt": receipt is not None,
                    "as_last_seen": not conflicts(ledger) if verdict.ok else None})
    if not verdict.ok:
        raise Refused(str(verdict), remedy="a backup from before, and the last receipts")
    if beside:
        raise Refused("the entries hold, but not what decisions use beside them: "
                      + "; ".join(beside), remedy=MEND)
    if not as_json:
        say(f"{verdict}.".capitalize())
        if unknown:
            say(f"Totals and sketches were not compared, and decide nothing: {unknown}.")
        if receipt is None:
            say("Whether entries were cut off at the end shows only with --receipt FILE.")
    check(ledger)


@command.command("receipt", short_help="Write a receipt of an entry, to be kept elsewhere.")
@click.argument("entry", type=click.IntRange(min=1), required=False)
@click.option("--out", required=True, metavar="FILE", help="The JSON file to write.")
@ledger_option
@output_options
def receipt(entry: int | None, out: str, where: str | None, as_json: bool) -> None:
    """Write a receipt of the entry of number ENTRY (default: the newest).

    Whoever keeps it can check it offline (privet verify-receipt), and holds the ledger to
    everything up to its head (privet ledger verify --receipt).

    \b
    Example:
      privet ledger receipt 17 --out receipt.json
    """
    from privet.cli.console import print_json, say
    from privet.cli.files import writable, write_text

    file = writable(out)
    made = existing_ledger(where).receipt(entry)
    write_text(file, json.dumps(made.to_json(), indent=2) + "\n")
    if as_json:
        print_json({"receipt": str(file), "entry": made.entry.seq, "head": made.head.size})
    else:
        say(f"Receipt of entry {made.entry.seq} under the head of {made.head.size} entries: {file}")


@command.command("export", short_help="Write all entries as JSON lines.")
@click.option("--out", required=True, metavar="FILE", help="The file to write, one entry a line.")
@ledger_option
@output_options
def export(out: str, where: str | None, as_json: bool) -> None:
    """Write every entry, with what opens its commitment, one JSON object a line.

    The file says as much about the use of the data as the ledger itself does.

    \b
    Example:
      privet ledger export --out ledger.jsonl
    """
    from privet.cli.console import print_json, say
    from privet.cli.files import whole_file, writable

    file, count = writable(out), 0
    ledger = existing_ledger(where)
    with whole_file(file) as part, part.open("w", encoding="utf-8") as lines:
        for entry in ledger.entries():
            lines.write(json.dumps(_whole(entry)) + "\n")
            count += 1
    if as_json:
        print_json({"file": str(file), "entries": count, "ledger": ledger.identity})
    else:
        say(f"{count} entries of ledger {ledger.identity}: {file}")


@command.command("cosign", short_help="Witness another ledger's head, or keep a witness's word.")
@click.argument("file")
@click.option("--out", metavar="FILE", help="The signature to write, for the other party.")
@ledger_option
@output_options
def cosign(file: str, out: str | None, where: str | None, as_json: bool) -> None:
    """Witness or be witnessed, so that a fork is found at the next meeting.

    FILE is a receipt that another party gave you: its head is signed by the key of your ledger
    and written to --out, for them to keep. Or FILE is such a signature on a head of your own
    ledger, made by another party: it becomes an entry.

    \b
    Example:
      privet ledger cosign their-receipt.json --out for-them.json
      privet ledger cosign from-them.json
    """
    from privet.cli.console import print_json, say

    record = read_record(file, "privet ledger receipt --out receipt.json")
    if "head" in record:
        facts = _witness(existing_ledger(where), read_receipt(file), out)
    else:
        from privet.govern.ledger import Cosignature

        with written_ledger(where) as ledger:
            kept = ledger.add_cosignature(Cosignature.from_json(record))
        facts = {"entry": kept.seq, "size": record["size"]}
    if as_json:
        print_json(facts)
    elif "entry" in facts:
        say(f"Kept as entry {facts['entry']}: a witness saw the first {facts['size']} entries.")
    else:
        say(f"Signed the head of {facts['size']} entries of ledger {facts['ledger']}: {out}")


def _beside(ledger: Ledger) -> tuple[list[str] | None, str | None]:
    """Where totals and sketches differ from the entries, or why nobody can say any more."""
    from privet.govern.budget import audit_totals

    try:
        return audit_totals(ledger), None
    except Refused as error:  # entries about data sets were redacted: no budget is used any more
        return None, error.problem


def _witness(ledger: Ledger, receipt: Receipt, out: str | None) -> dict[str, Any]:
    from privet.cli.files import writable, write_text
    from privet.govern.ledger import check
    from privet.govern.ledger import cosign as sign

    if out is None:
        raise InvalidInput("the signature has no place to go", bound="--out FILE",
                           remedy="--out for-them.json")
    file = writable(out)
    wrong = check(receipt)
    if wrong:
        raise Refused("the receipt does not hold: " + "; ".join(wrong))
    made = sign(receipt.head, ledger.keyring.current(ledger.keys))
    write_text(file, json.dumps(made.to_json(), indent=2) + "\n")
    return {"ledger": made.ledger, "size": made.size, "cosignature": str(file)}


def _facts(entry: Entry) -> dict[str, Any]:
    return {"entry": entry.seq, "time": entry.time, "kind": entry.kind, "key": entry.key,
            "commitment": entry.commitment.hex(), "redacted": entry.redacted,
            "altered": not entry.opens(), "payload": entry.payload if entry.opens() else None}


def _whole(entry: Entry) -> dict[str, Any]:
    hashes = ("prev", "commitment", "chain", "signature")
    return {"seq": entry.seq, "time": entry.time, "kind": entry.kind, "key": entry.key,
            **{name: getattr(entry, name).hex() for name in hashes},
            "salt": None if entry.salt is None else entry.salt.hex(), "text": entry.text}
