"""Receipts, whole and tampered with, and the verdict that the command and the page must give.

One table, two runners: `tests/unit/cli/test_cli_receipts.py` runs the command on it, and
`tests/browser/test_receipt_page.py` the page in Chromium. `receipts.json` beside this module holds
receipts of ledgers that no longer exist; `python -m tests.golden.receipts_tampered` makes others.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privet.govern.ledger import Entry, Head, Ledger, Receipt, SigningKey, merkle
from privet.govern.ledger.receipt import Removal
from privet.govern.ledger.records import chain_hash, opened
from privet.govern.ledger.strict import LARGEST
from tests.unit.govern.ledgers import copied
from tests.unit.govern.recorded import record

FILE = Path(__file__).with_name("receipts.json")
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TIME = "2026-01-01T00:00:00.000000Z"
TEXT = '{"body":{"a":1},"kind":"fit","time":"2026-01-01T00:00:00.000000Z"}'


@dataclass(frozen=True)
class Case:
    """Files that are given together, the verdict on each, and how many pairs are a fork."""

    name: str
    files: tuple[bytes, ...]
    verdicts: tuple[str, ...]
    forks: int = 0


@cache
def receipts() -> dict[str, Any]:
    """Those of the file, by name."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="ascii"))
    return found


def cases() -> list[Case]:
    """The whole table."""
    return [*_whole(), *_edited(), *_written(), *_emptied(), *_forked(), *_signed()]


def _one(name: str, receipt: Any, verdict: str = "refused") -> Case:
    raw = receipt if isinstance(receipt, bytes) else json.dumps(receipt).encode()
    return Case(name, (raw,), (verdict,))


def _whole() -> Iterator[Case]:
    yield _one("whole", receipts()["good"], "holds")
    yield _one("indented", json.dumps(receipts()["good"], indent=3).encode(), "holds")
    yield _one("redacted", receipts()["redacted"], "redacted")
    pair = [json.dumps(receipts()[name]).encode() for name in ("good", "later")]
    yield Case("two of one history", tuple(pair), ("holds", "holds"))
    yield Case("one twice", (pair[0], pair[0]), ("holds", "holds"))


def _edited() -> Iterator[Case]:
    """Each field changed, taken away, and given other types."""
    for name in ("good", "redacted"):
        for path, value in _paths(receipts()[name]):
            where = f"{name} {'.'.join(map(str, path))}"
            yield _one(f"{where} changed", _with(receipts()[name], path, _changed(value)))
            for other in ([], 1.5, True):
                yield _one(f"{where} is {other}", _with(receipts()[name], path, other))
    for path in _objects(receipts()["good"]):
        for key in _at(receipts()["good"], path):
            yield _one(f"without {'.'.join(map(str, (*path, key)))}",
                       _without(receipts()["good"], (*path, key)))


def _written() -> Iterator[Case]:
    """The same receipt in writing that another reader might take for it."""
    good = receipts()["good"]
    text = json.dumps(good)
    for path, value in _paths(good):
        if isinstance(value, str) and len(value) in (64, 128) and set(value) <= set(_HEX):
            where = ".".join(map(str, path))
            upper = value.upper() if value.upper() != value else "A" + value[1:]
            yield _one(f"{where} in upper case", _with(good, path, upper))
            yield _one(f"{where} with spaces", _with(good, path, f"{value[:2]} {value[2:]}"))
            yield _one(f"{where} with a line end", _with(good, path, value + "\n"))
    for path in _objects(good):
        where = ".".join(map(str, path)) or "the receipt"
        inside = json.dumps(_at(good, path))
        key = next(iter(_at(good, path)))
        again = f'{{{json.dumps(key)}: {json.dumps(_at(good, path)[key])}, {inside[1:]}'
        yield _one(f"a key repeated in {where}", text.replace(inside, again, 1).encode())
        more = _with(good, (*path, "more"), 1)
        yield _one(f"a key more in {where}", more)
        yield _one(f"a redaction in {where}", _with(good, (*path, "redaction"), None))
    seq = f'"seq": {good["entry"]["seq"]}'
    for name, number in (("a float", ".0"), ("an exponent", "e0"), ("a sign", "")):
        sign = "+" if name == "a sign" else ""
        bad = seq.replace(": ", f": {sign}") + number
        yield _one(f"a number with {name}", text.replace(seq, bad, 1).encode())
    yield _one("a mark before it", b"\xef\xbb\xbf" + text.encode())
    yield _one("in UTF-16", text.encode("utf-16"))
    yield _one("a byte that is no UTF-8", text.replace('"kind": "', '"kind": "\udcff', 1).encode(
        "utf-8", "surrogateescape"))  # fmt: skip
    yield _one("half a surrogate pair", text.replace('"kind": "', '"kind": "\\ud800', 1).encode())
    yield _one("more after it", text.encode() + b" x")
    yield _one("in a list", [good])
    yield _one("too large", text.encode() + b" " * LARGEST)
    for raw in (b"", b'""', b'"x"', b"null", b"1", b"[]", b"{}", b"[[[", b"[" * 5000,
                b'{"format": NaN}', b"\xff"):  # fmt: skip
        yield _one(f"{raw[:20]!r}", raw)
    proof = good["proof"]
    yield _one("a proof that is short", {**good, "proof": proof[:-1]})
    yield _one("a proof that is long", {**good, "proof": [*proof, proof[0]]})
    yield _one("a proof that is turned", {**good, "proof": proof[::-1]})
    yield _one("a proof without end", {**good, "proof": proof[:1] * 65})


def _emptied() -> Iterator[Case]:
    """Receipts whose content was taken out."""
    good, gone = receipts()["good"], receipts()["redacted"]
    empty = {**good, "entry": good["entry"] | {"salt": None, "text": None}}
    yield _one("content taken out", empty, "withheld")
    yield _one("redaction taken out", _without(gone, ("redaction",)), "withheld")
    yield _one("salt taken out", {**good, "entry": good["entry"] | {"salt": None}})
    yield _one("text taken out", {**good, "entry": good["entry"] | {"text": None}})
    yield _one("another's redaction", {**empty, "redaction": receipts()["redaction of another"]})
    yield _one("a redaction beside content",
               {**good, "redaction": receipts()["redaction of another"]})
    yield _one("an entry that is no redaction", {**gone, "redaction": receipts()["no redaction"]})
    removal = gone["redaction"]
    yield _one("a redaction without content", {**gone, "redaction": {
        **removal, "entry": removal["entry"] | {"salt": None, "text": None}}})  # fmt: skip
    both = tuple(json.dumps(item).encode() for item in (good, empty))
    yield Case("with and without content", both, ("holds", "withheld"))


def _forked() -> Iterator[Case]:
    """Receipts that hold, each by itself, of two histories of one ledger."""
    for name in ("entry", "head", "size", "later head", "redaction"):
        pair = tuple(json.dumps(item).encode() for item in receipts()["forks"][name])
        last = "redacted" if name == "redaction" else "holds"
        yield Case(f"a fork seen by {name}", pair, ("holds", last), 1)
        yield Case(f"a fork seen by {name}, the other way", pair[::-1], (last, "holds"), 1)
    good, fork = receipts()["good"], receipts()["forks"]["entry"]
    files = tuple(json.dumps(item).encode() for item in (fork[0], good, fork[1], fork[1]))
    yield Case("a fork among others", files, ("holds",) * 4, 2)


def _signed() -> Iterator[Case]:
    """What only who holds a key can make: well signed, and not as privet writes it."""
    yield _one("made by hand", _made(TEXT), "holds")
    numbers = "[1e-07,1e+22,1e+16,-0.0,5e-324,0.30000000000000004,1208925819614629174706176,100.0]"
    names = '{"\\u007f":2,"\\u00e9":1,"\\uffff":3,"\\ud83d\\ude00":4}'
    deep, deeper = "[" * 62 + "[]" + "]" * 62, "[" * 63 + "[]" + "]" * 63
    for body, verdict in (
        (numbers, "holds"), (names, "holds"), (deep, "holds"), (deeper, "refused"),
        (f"[{'9' * 4300}]", "holds"), (f"[{'9' * 4301}]", "refused"),
        (f"[-{'9' * 4300}]", "holds"), (r'"\b\f\n\r\t\"\\"', "holds"),
        ("[1e-7]", "refused"), ("[1E22]", "refused"), ("[1.00]", "refused"), ("[-0]", "refused"),
        ("[10e0]", "refused"), ("[1e999]", "refused"), ("[NaN]", "refused"), ('["é"]', "refused"),
        (r'["\/"]', "refused"), (r'["\u00E9"]', "refused"), (r'["\ud800"]', "refused"),
        ("[1, 2]", "refused"), ("[1 ]", "refused"), ('{"b":1,"a":2}', "refused"),
        ('{"a":1,"a":2}', "refused"), ('{"\\ud83d\\ude00":1,"\\uffff":2}', "refused"),
    ):  # fmt: skip
        text = TEXT.replace('{"a":1}', f'{{"a":{body}}}')
        yield _one(f"signed with {body[:30]} of {len(body)}", _made(text), verdict)
    for name, text in {
        "a list": "[]", "no body": '{"kind":"fit","time":"x"}', "a body more": TEXT.replace(
            '"kind"', '"born":1,"kind"'), "a body that is no object": TEXT.replace('{"a":1}', "1"),
        "another kind": TEXT.replace('"fit"', '"run.commit"'),
        "another time": TEXT.replace("2026", "2027"), "no JSON": "x", "a space before": f" {TEXT}",
    }.items():  # fmt: skip
        yield _one(f"signed with {name}", _made(text))


def _made(text: str) -> Any:
    """The receipt of a ledger of one entry with this text, whose key signed it."""
    ledger, salt = "ab" * 16, bytes(32)
    promise = opened(salt, text)
    chain = chain_hash(ledger, 1, TIME, "fit", KEY.id, bytes(32), promise)
    entry = Entry(seq=1, time=TIME, kind="fit", key=KEY.id, prev=bytes(32), commitment=promise,
                  chain=chain, signature=b"", salt=salt, text=text)  # fmt: skip
    head = Head(ledger=ledger, size=1, root=merkle.leaf_hash(chain), chain=chain, time=TIME,
                public=KEY.public, signature=b"")  # fmt: skip
    head = replace(head, signature=KEY.sign(head.statement()))
    return Receipt(entry=entry, head=head, proof=()).to_json()


_HEX = "0123456789abcdef"


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf but those that are null already."""
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(item, (*path, key))
    elif value is not None:
        yield path, value


def _objects(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        yield path
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _objects(item, (*path, key))


def _changed(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    return value[:-1] + ("0" if value[-1:] != "0" else "1")


def _at(record: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        record = record[step]
    return record


def _with(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    out = json.loads(json.dumps(record))
    _at(out, path[:-1])[path[-1]] = value
    return out


def _without(record: Any, path: tuple[Any, ...]) -> Any:
    out = json.loads(json.dumps(record))
    del _at(out, path[:-1])[path[-1]]
    return out


def _kept(folder: Path) -> dict[str, Any]:
    """Receipts of new ledgers, for the file."""
    ledger = record(folder / "l.db")
    size = ledger.head().size
    found: dict[str, Any] = {"good": ledger.receipt(9, size=size - 1).to_json(),
                             "later": ledger.receipt(8).to_json()}  # fmt: skip
    ledger.close()
    (folder / "copy").mkdir()
    fork = Ledger.open(copied(folder / "l.db", folder / "copy"))
    for each in (ledger, fork):
        each.append("fit", {"in": str(each is fork)})
    early = ledger.receipt(size + 1)
    ledger.redact(5, "the person asked")
    fork.append("fit", {})
    forks = {
        "entry": (early, fork.receipt(size + 1)),
        "head": (ledger.receipt(3, size=size + 1), fork.receipt(4, size=size + 1)),
        "size": (ledger.receipt(size + 1), fork.receipt(size + 1, size=size + 1)),
        "later head": (ledger.receipt(3, size=size + 1), fork.receipt(size + 1)),
    }
    ledger.redact(7, "another asked")
    forks["redaction"] = (fork.receipt(size + 2), ledger.receipt(5))
    gone, other = ledger.receipt(5), ledger.receipt(7).to_json()
    sixth = ledger.receipt(6)
    strange = replace(gone, removal=Removal(entry=sixth.entry, proof=sixth.proof)).to_json()
    return found | {
        "redacted": gone.to_json(),
        "redaction of another": other["redaction"],
        "no redaction": strange["redaction"],
        "forks": {name: [item.to_json() for item in pair] for name, pair in forks.items()},
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_text(json.dumps(_kept(Path(folder)), indent=1) + "\n", encoding="ascii")
