"""One static page on which receipts are checked offline, by someone who has nothing installed."""

from __future__ import annotations

import json

from privet.errors import InvalidInput
from privet.govern.ledger import Receipt
from privet.govern.report import look

SCRIPTS = (
    "hashes.js",
    "reading.js",
    "checks.js",
    "gaussian.js",
    "sampled.js",
    "claims.js",
    "plot.js",
    "receipt.js",
)


def receipt_page(*receipts: Receipt, ledger: str | None = None, key: str | None = None) -> str:
    """The text of an HTML file that checks these receipts, and others that are dropped on it.

    Args:
        receipts: those that the page holds; none at all gives a page that checks any.
        ledger: identity that the ledger must have, if it is known.
        key: id of the key that must have signed, if it is known.

    Formal guarantees:
        - The page accepts a receipt only if `privet.govern.ledger.check` finds nothing wrong
          with it, under the same assumptions, and gives the same verdict as
          `privet.govern.ledger.verdict`; `tests/golden/receipts_tampered.py` holds the cases.
        - What is hashed is what is shown: the content is read from the bytes that the
          commitment opens to, and a receipt that fails shows no content.
        - The claim of an entry is called holding only if its epsilon is at least what this page
          adds up to from the releases that the claim names, at the part of delta that is theirs,
          less the tolerance that the page states. Code of its own does that; `tests/golden/`
          holds it and dp-accounting together. A claim whose releases are not named, or whose
          kind is not known, is never called holding.
        - It makes no request and runs no script but its own: its content security policy pins
          the script by hash. Text from a receipt enters the page as text only.
        - Not claimed: that the noise of a release was really added, that nothing else was
          released, and that a page which somebody else hands over is this page.

    Raises:
        InvalidInput: `ledger` or `key` is not 32 hex digits.
    """
    for name, value in (("ledger", ledger), ("key", key)):
        if value is not None and not _is_id(value):
            raise InvalidInput(f"{name} is not an identity", value=value, bound="32 hex digits")
    script = "\n" + "\n".join(map(look.beside, SCRIPTS))
    held = json.dumps([item.to_json() for item in receipts], ensure_ascii=True)
    return look.fill(
        "receipt.html.j2",
        own=look.safe(look.beside("receipt.css")),
        pin=look.safe(look.pinned(script)),
        ledger=ledger or "",
        key=key or "",
        # Within a script element, only "<" could end it or open a comment.
        receipts=look.safe(held.replace("<", "\\u003c")),
        script=look.safe(script),
    )


def _is_id(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")
