"""A tamper-evident record of every use of personal data.

Entries are chained, signed and kept in a Merkle tree; receipts are checked offline. What it
shows and what it cannot show stands at `Ledger`.
"""

from __future__ import annotations

from privet.govern.ledger.canonical import canonical, keyed_hash
from privet.govern.ledger.custody import (
    held_keys,
    name_approvers,
    replace_key,
    replacement_statement,
    rotate_key,
)
from privet.govern.ledger.keys import SigningKey
from privet.govern.ledger.ledger import Ledger
from privet.govern.ledger.receipt import (
    Cosignature,
    Receipt,
    check,
    contradictions,
    cosign,
    extends,
    verdict,
)
from privet.govern.ledger.records import Entry, Head
from privet.govern.ledger.statements import Replacement, Signature, Statement
from privet.govern.ledger.verify import Verdict, verify
from privet.govern.ledger.walk import Finding
from privet.govern.ledger.writing import Transaction

__all__ = [
    "Cosignature",
    "Entry",
    "Finding",
    "Head",
    "Ledger",
    "Receipt",
    "Replacement",
    "Signature",
    "SigningKey",
    "Statement",
    "Transaction",
    "Verdict",
    "canonical",
    "check",
    "contradictions",
    "cosign",
    "extends",
    "held_keys",
    "keyed_hash",
    "name_approvers",
    "replace_key",
    "replacement_statement",
    "rotate_key",
    "verdict",
    "verify",
]
