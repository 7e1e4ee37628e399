"""A report of a ledger, for people as one HTML file and for machines as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from privet.errors import Refused, one_of
from privet.govern.evidence import Evidence
from privet.govern.facts import Source
from privet.govern.ledger import Ledger, check
from privet.govern.policy import signers
from privet.govern.report import look
from privet.govern.report.card import card
from privet.govern.report.document import Document, Line, Statement
from privet.govern.report.organisation import Organisation
from privet.govern.report.ropa import ropa

FORMAT = "privet report 1"
ENTRIES = {
    "dataset.register": "data set registered",
    "dataset.version": "new version of a data set",
    "budget.transfer-out": "budget moved to another ledger",
    "budget.transfer-in": "budget taken in from another ledger",
    "budget.adopt": "another ledger adopted",
    "run.decide": "request decided",
    "run.reserve": "budget set aside for a run",
    "run.commit": "run finished",
    "run.release": "run ended before reading data",
    "run.forfeit": "run failed after reading data",
    "policy.adopt": "policy adopted",
    "organisation.adopt": "organisation file adopted",
    "report": "report written or recorded",
    "approval.request": "approval asked for",
    "approval.grant": "approval given",
    "approval.deny": "approval denied",
    "approval.revoke": "approval revoked",
}
"""Kinds of entries in words."""
KINDS: dict[str, Callable[[Evidence, Organisation | None], Document]] = {
    "card": card,
    "ropa": ropa,
}


def report(
    ledger: Ledger,
    kind: str,
    *,
    data_set: str | None = None,
    model: int | str | None = None,
) -> str:
    """A document about what a ledger records, as the text of one self-contained HTML file.

    What the organisation declares is that of the file that the ledger has adopted last.

    Args:
        ledger: where the evidence stands.
        kind: "card" (model card) or "ropa" (record of processing, GDPR Art. 30(1)).
        data_set: only what concerns this data set.
        model: only this run, by the number of its commit or by its token. A card without it
            is of the newest committed fit.

    Formal guarantees:
        - Each statement names the entries that say it, and each of these opens its commitment
          and stands under the ledger's newest signed head. That the claims in them are true is
          the word of whoever held the ledger's key.
        - What neither ledger nor organisation says is shown as "not evidenced".

    Raises:
        InvalidInput: an unknown kind; the ledger names no such data set or run.
        Refused: an entry that the document cites was altered.
    """
    document = _document(ledger, kind, data_set, model)
    return look.fill(
        "report.html.j2",
        own=look.safe(look.beside("report.css")),
        document=document,
        evidence=document.evidence,
        head=document.evidence.head,
        organisation=document.organisation,
        sources=_sources(document),
        counts=_counts(document),
        kinds=ENTRIES,
    )


def report_json(
    ledger: Ledger,
    kind: str,
    *,
    data_set: str | None = None,
    model: int | str | None = None,
) -> dict[str, Any]:
    """The same content as `report`, as a JSON object; arguments and errors are the same."""
    document = _document(ledger, kind, data_set, model)
    head = document.evidence.head
    return {
        "format": FORMAT,
        "kind": document.kind,
        "title": document.title,
        "ledger": document.evidence.ledger,
        "head": {
            "size": head.size,
            "time": head.time,
            "root": head.root.hex(),
            "key": head.key,
            "signature": head.signature.hex(),
        },
        "organisation": document.organisation.digest if document.organisation else None,
        "answers": [_line(line) for line in document.answers],
        "sections": [
            {
                "title": section.title,
                "groups": [
                    {
                        "title": group.title,
                        "letter": group.letter or None,
                        "lines": [_line(line) for line in group.lines],
                    }
                    for group in section.groups
                ],
            }
            for section in document.sections
        ],
        "entries": [
            {
                "seq": item.seq,
                "time": item.time,
                "kind": item.kind,
                "commitment": item.commitment,
                "redacted": item.redacted,
            }
            for item in _sources(document)
        ],
    }


def _document(
    ledger: Ledger,
    kind: str,
    data_set: str | None,
    model: int | str | None,
) -> Document:
    one_of(tuple(KINDS), kind=kind)
    organisation = Organisation.from_ledger(ledger)  # before the head that its entry stands under
    evidence = _signed(Evidence.of(ledger, data_set=data_set, model=model), signers(ledger))
    document = KINDS[kind](evidence, organisation)
    for source in _sources(document):
        receipt = ledger.receipt(source.seq, size=evidence.head.size)
        wrong = check(receipt, ledger=evidence.ledger, key=evidence.head.key)
        if receipt.entry.commitment.hex() != source.commitment:
            wrong.append("it changed while it was read")
        if wrong:
            raise Refused(
                f"entry {source.seq} cannot be cited: {'; '.join(wrong)}",
                remedy="privet ledger verify",
            )
    return document


def _signed(evidence: Evidence, names: dict[int, str]) -> Evidence:
    """The evidence with the approvers whose signatures were verified."""
    rulings = tuple(replace(item, signer=names.get(item.seq)) for item in evidence.rulings)
    return replace(evidence, rulings=rulings)


def _sources(document: Document) -> list[Source]:
    known = document.evidence.sources
    return [known[seq] for seq in document.cited() if seq in known]


def _line(line: Line) -> dict[str, Any]:
    return {"term": line.term, "statements": [_statement(item) for item in line.said]}


def _statement(item: Statement) -> dict[str, Any]:
    return {
        "text": None if item.support == "missing" else item.text,
        "support": item.support,
        "entries": list(item.entries),
        "more": item.more,
    }


def _counts(document: Document) -> dict[str, int]:
    """How many statements rest on what."""
    return Counter(item.support for line in document.lines() for item in line.said)
