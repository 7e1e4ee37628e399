"""What `privet verify-receipt` finds, and how it says so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from privet.cli.console import print_json, say
from privet.cli.recomputed import FAILS, Answer, checked_claim
from privet.errors import Refused
from privet.govern.ledger import check, contradictions, verdict

if TYPE_CHECKING:
    from privet.govern.ledger import Receipt

WITHHELD = 3
"""Exit code where no receipt fails, but one does not hold what its entry said."""


@dataclass(frozen=True)
class Examined:
    """One receipt.

    Attributes:
        verdict: as `privet.govern.ledger.verdict`.
        problems: why it is refused.
        claim: whether the claim of the entry follows; None if it claims nothing, or if what it
            says is not known.
    """

    file: str
    receipt: Receipt
    verdict: str
    problems: Sequence[str]
    claim: Answer | None


@dataclass(frozen=True)
class Found:
    """All of a command line; `forks` are pairs of files that contradict each other."""

    receipts: Sequence[Examined]
    forks: Sequence[tuple[str, str]]


def examined(
    read: Sequence[tuple[str, Receipt]], *, ledger: str | None, key: str | None
) -> Found:
    """What receipts show, each by itself and beside the others.

    Args:
        read: names of files, and what they hold.
        ledger, key: the ids that they must have; None if they are not known.
    """
    wrong = [check(item, ledger=ledger, key=key) for _, item in read]
    good = [pair for pair, problems in zip(read, wrong, strict=True) if not problems]
    held = [item for _, item in good]
    found = [
        Examined(name, item, verdict(item, problems), problems,
                 None if problems else checked_claim(item, held))
        for (name, item), problems in zip(read, wrong, strict=True)
    ]  # fmt: skip
    forks = [(good[one][0], good[other][0]) for one, other in contradictions(held)]
    return Found(found, forks)


def told(found: Found, *, as_json: bool) -> None:
    """Say what was found.

    Raises:
        Refused: a receipt or a claim does not hold, or two receipts contradict each other.
    """
    if as_json:
        print_json({"receipts": [_facts(item) for item in found.receipts],
                    "contradictions": [list(pair) for pair in found.forks]})
    for one, other in found.forks:
        raise Refused(f"the receipts {one} and {other} contradict each other, although both are "
                      "signed: the ledger was forked or rewritten",
                      remedy="ask who holds the key, and rely on neither")
    for item in found.receipts:
        if item.verdict == "refused":
            raise Refused(f"the receipt {item.file} does not hold: {'; '.join(item.problems)}",
                          remedy="rely on nothing that it says, and ask for another: privet ledger "
                          f"receipt {item.receipt.entry.seq} --out receipt.json")
        if not as_json:
            _say(item)
        if item.claim is not None and item.claim.answer == FAILS:
            raise Refused(f"{item.file} is signed, and {item.claim}")


def _facts(item: Examined) -> dict[str, object]:
    entry, head = item.receipt.entry, item.receipt.head
    return {"file": item.file, "entry": entry.seq, "kind": entry.kind,
            "verdict": item.verdict, "holds": item.verdict == "holds",
            "problems": list(item.problems), "ledger": head.ledger, "key": head.key,
            "claim": None if item.claim is None else asdict(item.claim)}


def _say(item: Examined) -> None:
    entry, head, name = item.receipt.entry, item.receipt.head, item.file
    what = (f"entry {entry.seq} ({entry.kind}, {entry.time}) of ledger {head.ledger}, signed by "
            f"key {head.key}")
    if item.verdict == "holds":
        say(f"{name} holds: {what}.")
        say(f"{name}: {'the entry claims nothing' if item.claim is None else item.claim}.")
        say(json.dumps(entry.payload, indent=2, ensure_ascii=False))
        return
    say(f"{name} shows only that an entry stood here: {what}. What it said is not in this "
        "receipt, and nothing was checked about it.")
    if item.receipt.removal is not None:
        by = item.receipt.removal.entry
        say(f"{name}: entry {by.seq} of {by.time} says that it was redacted: "
            f"{(by.payload or {}).get('reason', 'no reason is given')}.")
    else:
        say(f"{name}: whether it was redacted, or taken out of the receipt, is not shown.")
