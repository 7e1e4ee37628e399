"""The walk over all entries that `verify` makes: one pass, in order, in constant memory.

What one signature shows. Entry k's signature is over the head of size k: its Merkle root and
its chain hash, which fixes all earlier entries, signatures included. So of each run of entries
by one key only the last signature is checked; a valid one says that the key's holder signed
exactly these k entries. It does not say that the holder had written each of them: that follows
from `writing.current_tip`, which signs nothing upon a head whose signature is not valid. Where
the last signature of a run fails, all of the run are checked, to name the first that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from privet.errors import InvalidInput
from privet.govern.ledger import merkle
from privet.govern.ledger.blame import Blame, Expected, Raw, blame, hash_of, wrong_types
from privet.govern.ledger.canonical import parse
from privet.govern.ledger.keys import signed_by
from privet.govern.ledger.records import (
    FIRST_LINK,
    RESERVED,
    head_statement,
    key_id,
    link_hash,
    opened,
)
from privet.govern.ledger.succession import KEY_KINDS, OPENED, REPLACED, Keys, Place, follow, signer

MOST = 50


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: in which entry (None: in no single one), in which field."""

    seq: int | None
    field: str
    problem: str

    def __str__(self) -> str:
        where = "the ledger" if self.seq is None else f"entry {self.seq}"
        return f"{where}, {self.field}: {self.problem}"


@dataclass(frozen=True)
class Claim:
    """A head, or an entry, that somebody has seen: what must still be there."""

    source: str
    chain: bytes
    root: bytes | None = None
    key: str | None = None


@dataclass(frozen=True)
class Redaction:
    """The entry that redacted another, and what it says about it."""

    seq: int
    facts: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """Where a run of entries by one key begins: the tree before it."""

    seq: int = 1
    peaks: merkle.Peaks = ()


@dataclass
class Walk:
    """State of the walk; `finish` after the last row.

    Attributes:
        redactions: by redacted entry.
        claims: what others have seen, by size.
        reread: rows from one seq to another, for naming a bad signature.
        sound: all chain hashes so far are known for certain, and with them the tree.
    """

    ledger: str
    entries: int
    redactions: dict[int, Redaction]
    claims: dict[int, list[Claim]]
    reread: Callable[[int, int], Iterable[Raw]]
    findings: list[Finding] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    backwards: list[int] = field(default_factory=list)
    redacted: int = 0
    seq: int = 0
    time: str = ""
    link: bytes | None = FIRST_LINK
    peaks: merkle.Peaks = ()
    keys: Keys = field(default_factory=Keys)
    key: str = ""
    run: Run = field(default_factory=Run)
    before: Raw | None = None
    sound: bool = True

    def full(self) -> bool:
        """True once there is no use in looking for more."""
        return len(self.findings) >= MOST

    def find(self, seq: int | None, name: str, problem: str) -> None:
        """Note what is wrong."""
        self.findings.append(Finding(seq, name, problem))

    def step(self, row: Raw, following: Raw | None) -> None:
        """Take the next row; `following` is the one after it."""
        if type(row.seq) is not int or row.seq <= self.seq:
            self.find(None, "seq", f"a row stands at {row.seq!r}, after entry {self.seq}")
            return
        if row.seq != self.seq + 1:
            self._gap(row.seq)
        self.seq = row.seq
        wrong = wrong_types(row)
        if wrong:
            for name in wrong:
                self.find(row.seq, name, "is not of the type that was written")
            self.sound, self.link, self.before = False, None, None
            return
        row = self._fields(row, following)
        if row.kind in KEY_KINDS:
            self._key_entry(row)
        self._payload(row)
        self._tree(row)
        if following is None or following.key != row.key:
            self._signature(row)
        if row.time < self.time:
            self.backwards.append(row.seq)
        self.time, self.before = row.time, row
        self.link = link_hash(row.chain, row.signature)

    def _gap(self, seq: int) -> None:
        first, last = self.seq + 1, seq - 1
        which = f"entry {first} is" if first == last else f"entries {first} to {last} are"
        self.find(first, "seq", f"{which} missing: deleted or renumbered")
        self.sound, self.link, self.before = False, None, None

    def _fields(self, row: Raw, following: Raw | None) -> Raw:
        """Check what is hashed; the row as it was, as far as it can be told."""
        own = row.kind in KEY_KINDS
        key = None if own or not self.key else self.key
        if (
            hash_of(self.ledger, row) == row.chain
            and (self.link is None or row.prev == self.link)
            and (key is None or row.key == key)
            and (row.salt is None or row.text is None
                 or opened(row.salt, row.text) == row.commitment)
        ):
            return row
        found = self._blame(row, following, key)
        for name, problem in found.findings:
            if name == "prev" and self._blame_before(row):
                continue
            self.find(row.seq, name, problem)
        self.sound = self.sound and found.certain
        return found.row

    def _blame(self, row: Raw, following: Raw | None, key: str | None) -> Blame:
        def signed(chain: bytes) -> bool:
            if not self.sound:
                return False
            peaks, _ = merkle.grow(self.peaks, row.seq - 1, merkle.leaf_hash(chain))
            return self._signed(row, chain, peaks)

        next_prev = following.prev if following is not None else None
        by = self.redactions.get(row.seq)
        facts = by.facts if by else {}
        around = Expected(self.link, key, next_prev, self.entries, signed, facts)
        return blame(self.ledger, row, around)

    def _blame_before(self, row: Raw) -> bool:
        """If this row's `prev` is as it was written, the signature before it is not."""
        before = self.before
        if before is None or hash_of(self.ledger, row) != row.chain:
            return False
        if not self.sound or self._signed(before, before.chain, self.peaks):
            return False
        if not any(item.seq == before.seq for item in self.findings):
            self.find(before.seq, "signature", "was changed")
        return True

    def _key_entry(self, row: Raw) -> None:
        payload = body_of(row.text)
        public = signer(self.keys, row.kind, payload)
        if public is None or key_id(public) != row.key:
            self.find(row.seq, "key", "this entry about keys is not signed by the right one")
        if row.kind == OPENED and row.seq != 1:
            self.find(row.seq, "kind", "a ledger is opened by its first entry")
        self.keys, problem = follow(
            self.keys, Place(self.ledger, row.seq, row.prev), row.kind, payload
        )
        if problem:
            self.find(row.seq, "payload", problem)
        if row.kind == REPLACED:
            self.breaks.append(row.seq)
        self.key = self.keys.current_id

    def _payload(self, row: Raw) -> None:
        by = self.redactions.get(row.seq)
        legal = by is not None and by.seq > row.seq and not row.kind.startswith(RESERVED)
        if row.text is None and legal:
            self.redacted += 1
        elif row.text is None:
            self.find(row.seq, "payload", "was deleted without a redaction")
        elif by is not None:
            self.find(row.seq, "payload", f"is there, although entry {by.seq} redacted it")

    def _tree(self, row: Raw) -> None:
        if self.sound:
            self.peaks, done = merkle.grow(self.peaks, row.seq - 1, merkle.leaf_hash(row.chain))
            if b"".join(done) != row.subtrees:
                self.find(row.seq, "subtrees", "the stored hashes of the tree were changed")
        for claim in self.claims.pop(row.seq, ()):
            differs = claim.chain != row.chain or (claim.key is not None and claim.key != row.key)
            if self.sound and claim.root is not None:
                differs = differs or claim.root != merkle.root_of(self.peaks)
            if differs:
                self.find(
                    row.seq,
                    "chain",
                    f"is not what {claim.source} shows: a fork, a restored backup, or rewritten "
                    "at or before this entry",
                )

    def _signature(self, row: Raw) -> None:
        """Check the last signature of a run of entries by one key."""
        run, self.run = self.run, Run(row.seq + 1, self.peaks)
        if not self.sound or self._signed(row, row.chain, self.peaks):
            return
        peaks, first = run.peaks, row.seq
        for each in self.reread(run.seq, row.seq):
            peaks, _ = merkle.grow(peaks, each.seq - 1, merkle.leaf_hash(each.chain))
            if not self._signed(each, each.chain, peaks):
                first = each.seq
                break
        if any(item.seq == first and item.field in ("key", "signature") for item in self.findings):
            return
        since = "" if first == row.seq else f"; up to entry {row.seq}, written without the key"
        self.find(first, "signature", "is not valid for this entry and those before" + since)

    def _signed(self, row: Raw, chain: bytes, peaks: merkle.Peaks) -> bool:
        public = self.keys.known.get(row.key)
        statement = head_statement(
            self.ledger, row.seq, merkle.root_of(peaks), chain, row.time, row.key
        )
        return public is not None and signed_by(public, row.signature, statement)

    def finish(self) -> None:
        """Look for what should have come after the last row."""
        last = max(self.claims, default=0)
        if self.full() or not last:
            return
        sources = sorted({claim.source for claims in self.claims.values() for claim in claims})
        self.find(
            self.seq + 1,
            "seq",
            f"the ledger ends at entry {self.seq}, but {', '.join(sources)} shows entry {last}: "
            "the newest entries were cut off, or an older copy was restored",
        )


def body_of(text: Any) -> dict[str, Any] | None:
    """The payload in a stored text; None if something else stands there."""
    try:
        body = parse(text)["body"] if type(text) is str else None
    except (InvalidInput, KeyError, TypeError):
        return None
    return body if isinstance(body, dict) else None
