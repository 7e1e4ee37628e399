"""Receipts, model cards and records of processing in a real browser, without a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from privet.claims import Cost, DPGuarantee, Sight, to_json
from privet.claims.events import Event, Gaussian, PoissonGaussian
from privet.dp.accounting import epsilon_for
from privet.govern.ledger import Ledger, Receipt, SigningKey, check
from privet.govern.ledger.canonical import framed
from privet.govern.ledger.receipt import check_head
from privet.govern.policy import adopt_organisation
from privet.govern.report import Organisation, receipt_page, report
from tests.browser.chromium import chromium
from tests.browser.test_page import INKS, OVERFLOW, contrast
from tests.golden.receipts_tampered import Case, cases
from tests.unit.govern.ledgers import copied, plain, rich
from tests.unit.govern.recorded import ORGANISATION, record
from tests.unit.govern.test_ledger_receipt import changed, paths
from tests.unit.protect.made_comparisons import HOSTILE

pytestmark = pytest.mark.browser

SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
NASTY = (
    *(text.replace("\ud800", "") for text in HOSTILE),
    SCRIPT,
    "<!--<script>",
    "&lt;b&gt;\u202eevil",
)
NO_SUBTLE = "Object.defineProperty(Crypto.prototype, 'subtle', {get: () => undefined})"
NO_ED25519 = """SubtleCrypto.prototype.importKey = async () => {
  throw new DOMException("no such algorithm", "NotSupportedError") }"""
LIAR = "SubtleCrypto.prototype.verify = async () => false"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> Receipt:
    """A cosigned one, in the middle of a ledger."""
    ledger = record(tmp_path_factory.mktemp("receipt") / "l.db")
    return ledger.receipt(9, size=ledger.head().size - 1)


class Window:
    """A page in a window of its own, with everything that the browser complained about."""

    def __init__(self, context: Any, path: Path) -> None:
        self.url = path.as_uri()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(self.url)

    def until(self, script: str, argument: Any = None) -> None:
        """Wait for it to be true. Playwright's own way calls `eval`, which the page forbids."""
        for _ in range(400):
            if self.page.evaluate(script, argument):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"this did not come true: {script}")

    def verdicts(self) -> list[str]:
        """The verdict on each receipt, once the page has checked them."""
        self.until("turn == document.getElementById('results').dataset.turn")
        found: list[str] = self.page.evaluate(
            "() => [...document.querySelectorAll('article')].map(a => a.dataset.verdict)"
        )
        return found

    def claims(self) -> list[str]:
        """What was found about the claim of each receipt, once all are recomputed."""
        self.until("turn == document.getElementById('results').dataset.settled")
        found: list[str] = self.page.evaluate(
            "() => [...document.querySelectorAll('article')].map(a => a.dataset.claim ?? '')"
        )
        return found

    def choose(self, *records: Any) -> list[str]:
        """The verdicts after choosing these files."""
        turn = self.page.evaluate("turn")
        files = [
            {"name": f"{number}.json", "mimeType": "application/json", "buffer": _bytes(item)}
            for number, item in enumerate(records)
        ]
        self.page.set_input_files("#file", files)
        self.until("before => turn > before", turn)
        return self.verdicts()

    def text(self) -> str:
        """All that stands on the page, folded parts too."""
        found: str = self.page.evaluate("() => document.querySelector('main').textContent")
        return found


def _bytes(item: Any) -> bytes:
    return item if isinstance(item, bytes) else json.dumps(item).encode()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    contexts = []

    def opener(
        text: str, *, width: int = 1200, scheme: str = "light", media: str = "screen",
        before: str = "",
    ) -> Window:  # fmt: skip
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(text, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        if before:
            context.add_init_script(before)
        contexts.append(context)
        found = Window(context, path)
        found.page.emulate_media(media=media, color_scheme=scheme)
        return found

    yield opener
    for context in contexts:
        context.close()


def test_a_good_receipt_is_accepted_and_nothing_is_fetched(opened: Any, receipt: Receipt) -> None:
    found = opened(receipt_page(receipt, ledger=receipt.head.ledger, key=receipt.head.key))
    assert found.verdicts() == ["holds"]
    text = found.text()
    for wanted in (
        "Entry 9: run.commit",
        "stands at number 9 of the 15 entries",
        f"Key {receipt.head.key} signed",
        "saw the same state",
        "(1.0, 1e-06)-differential privacy per patient_id",
        "the curator is trusted",
        "2.5 seconds",
        "It is the key that you expect.",
        "both agree",
    ):
        assert wanted in text
    assert found.requests == [found.url]
    assert found.complaints == []


@pytest.mark.parametrize("before", ["", NO_SUBTLE, NO_ED25519])
def test_every_changed_field_is_refused(opened: Any, receipt: Receipt, before: str) -> None:
    good = receipt.to_json()
    bad = []
    for path, value in paths(good):
        item = json.loads(json.dumps(good))
        place = item
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = changed(value)
        bad.append(item)
    assert len(bad) > 25 and len(good["cosignatures"]) == 1 and len(good["proof"]) > 2
    found = opened(receipt_page(), before=before)
    assert found.verdicts() == []
    assert found.choose(good, *bad) == ["holds"] + ["refused"] * len(bad)
    assert found.text().count("this browser has no Ed25519 of its own") == (
        0 if not before else found.page.locator("ul.checks").count()
    )
    assert "the curator is trusted" in found.page.locator("article").nth(0).inner_text()
    for number in range(1, len(bad) + 1):
        assert "curator" not in found.page.locator("article").nth(number).inner_text()


def shown(found: Window, case: Case) -> tuple[tuple[str, ...], int]:
    """Verdicts on the files of a case, and how many pairs of them are called a fork."""
    verdicts = found.choose(*case.files)
    together = found.page.locator("article > .kicker", has_text="All of these together").count()
    assert verdicts[:together] == ["refused"] * together
    return tuple(verdicts[together:]), together


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", NO_SUBTLE])
def test_the_page_judges_the_table_as_the_command_does(opened: Any, before: str) -> None:
    """The other runner is `tests/unit/cli/test_cli_receipts.py`."""
    found = opened(receipt_page(), before=before)
    # Those that are refused by themselves cannot contradict others, and go together.
    bad = [case for case in cases() if case.verdicts == ("refused",)]
    together, forks = shown(found, Case("bad", tuple(case.files[0] for case in bad), ()))
    assert forks == 0 and len(together) == len(bad) > 200
    taken = zip(bad, together, strict=True)
    assert [case.name for case, verdict in taken if verdict != "refused"] == []
    wrong = []
    for case in cases():
        if case.verdicts != ("refused",) and shown(found, case) != (case.verdicts, case.forks):
            wrong.append(case.name)
    assert wrong == []
    assert found.complaints == []


def test_more_ways_to_forge_are_refused(opened: Any, receipt: Receipt) -> None:
    good, thief = receipt.to_json(), SigningKey.generate()

    def altered(**changes: Any) -> dict[str, Any]:
        return {**good, **changes}

    entry, head, witness = good["entry"], good["head"], good["cosignatures"][0]
    text = json.dumps(good)
    bad: list[Any] = [
        altered(proof=good["proof"][:-1]),
        altered(proof=[*good["proof"], good["proof"][0]]),
        altered(proof=good["proof"][::-1]),
        altered(entry=entry | {"salt": None}),
        altered(entry=entry | {"text": None}),
        altered(entry=entry | {"more": 1}),
        altered(entry=entry | {"seq": 9.0}),
        altered(entry=entry | {"commitment": entry["commitment"].upper()}),
        altered(head={key: value for key, value in head.items() if key != "root"}),
        altered(head=head | {"public": thief.public.hex()}),
        altered(
            head=head
            | {
                "public": thief.public.hex(),
                "signature": thief.sign(replace(receipt.head, size=16).statement()).hex(),
            }
        ),
        altered(cosignatures=[witness | {"size": 14}]),
        altered(cosignatures={}),
        altered(format="privet ledger receipt 2"),
        text.replace('"seq": 9', '"seq": 8, "seq": 9').encode(),
        text.encode() + b"x",
        b"", b"null", b"[[[", b"\xff\xfe", b'{"a": NaN}', b"[" * 5000,
    ]  # fmt: skip
    found = opened(receipt_page())
    assert set(found.choose(*bad)) == {"refused"}
    assert found.page.locator("article").count() == len(bad)
    assert found.complaints == []
    assert found.choose(good) == ["holds"], "it still works"


def test_a_signature_whose_scalar_is_not_reduced_is_refused(opened: Any, receipt: Receipt) -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signature = receipt.head.signature
    scalar = int.from_bytes(signature[32:], "little") + order
    longer = signature[:32] + scalar.to_bytes(32, "little")
    bad = replace(receipt, head=replace(receipt.head, signature=longer))
    assert check(bad), "the reference refuses it too"
    assert opened(receipt_page(bad), before=NO_SUBTLE).verdicts() == ["refused"]


def payload(epsilon: float, *events: Event, **more: Any) -> dict[str, Any]:
    """Of a commit that claims this."""
    claim = DPGuarantee(
        epsilon=epsilon, delta=1e-6, unit="row", relation="zero-out", accountant="PLD",
        events=events, sights=(Sight("reader", "noised sums", protected=True),),
        assumptions=("the curator is trusted",),
    )  # fmt: skip
    return {"reserve": 8, "token": "t", "guarantee": to_json(claim), "cost": to_json(Cost())} | more


def resigned(entry: dict[str, Any], folder: Path, name: str) -> Receipt:
    """A receipt of a ledger whose own key signed this entry: nothing in it was altered later."""
    ledger = Ledger.open(folder / name)
    found = ledger.append("run.commit", entry)
    return ledger.receipt(found.seq)


def test_a_claim_that_its_own_key_signed_too_low_does_not_hold(opened: Any, tmp_path: Path) -> None:
    """Who holds the ledger's key lowers epsilon and signs again: every signature is valid."""
    release = Gaussian(4.0, what="gradient sums")
    spent = epsilon_for(release, 1e-6)
    honest = resigned(payload(spent, release), tmp_path, "honest.db")
    forged = resigned(payload(spent / 2, release), tmp_path, "forged.db")
    assert check(honest) == check(forged) == []
    found = opened(receipt_page(honest, forged))
    assert found.verdicts() == ["holds", "holds"]
    assert found.claims() == ["holds", "fails"]
    first, second = (found.page.locator("article .outcome").nth(n).inner_text() for n in (0, 1))
    assert "Claim holds" in first and "Recomputed here: at most 1.06" in first
    assert "Claim does not hold" in second and "Claim holds" not in second
    assert f"Claimed: epsilon {spent / 2} at delta 1e-06." in second
    assert "spend more than it claims" in second
    assert found.requests == [found.url] and found.complaints == []


def test_the_plot_marks_what_was_claimed(opened: Any, tmp_path: Path) -> None:
    releases = (PoissonGaussian(1.1, 40, rate=0.05), Gaussian(12.0))
    spent = epsilon_for(releases, 1e-6)
    cases = {spent * 1.2: "good", spent / 3: "bad"}
    receipts = [
        resigned(payload(epsilon, *releases), tmp_path, f"{n}.db")
        for n, epsilon in enumerate(cases)
    ]
    found = opened(receipt_page(*receipts), width=380)
    assert found.claims() == ["holds", "fails"]
    found.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert found.page.evaluate(OVERFLOW) == [0, []]
    for number, (epsilon, css) in enumerate(cases.items()):
        plot = found.page.locator("article").nth(number).locator(".plot svg")
        assert plot.count() == 1
        assert plot.locator(f"path.claim.{css}").count() == 1
        assert plot.get_attribute("aria-label").endswith(f"{epsilon:.5g} is claimed")
        centre = "n => { const b = n.getBoundingClientRect(); return b.x + b.width / 2; }"
        marked, point = (plot.locator(css).evaluate(centre) for css in ("path.claim", ".point"))
        assert (marked > point) == (css == "good")
        inside = """svg => { const all = svg.getBoundingClientRect();
          return [...svg.querySelectorAll("text")].every(text => {
            const own = text.getBoundingClientRect();
            return own.left >= all.left && own.right <= all.right && own.bottom <= all.bottom;
          }); }"""
        assert plot.evaluate(inside)
        points = plot.locator("polyline").get_attribute("points").split()
        heights = [float(point.split(",")[1]) for point in points]
        assert len(points) > 50 and heights == sorted(heights), "delta falls"
    assert found.complaints == []


def test_a_claim_that_cannot_be_recomputed_is_not_green(opened: Any, tmp_path: Path) -> None:
    plain = payload(1.0, Gaussian(6.0))
    other = {"kind": "local-dp", "sights": [], "assumptions": [], "checks": []}
    bodies = [payload(1.0), plain | {"guarantee": other}, plain | {"guarantee": {}}]
    receipts = [resigned(body, tmp_path, f"{n}.db") for n, body in enumerate(bodies)]
    found = opened(receipt_page(*receipts))
    assert found.claims() == ["unknown"] * 3
    for number in range(3):
        outcome = found.page.locator("article .outcome").nth(number)
        assert "? Claim not checked" in outcome.inner_text()
        assert "It cannot be recomputed here: " in outcome.inner_text()
        assert outcome.locator(".good").count() == 1, "that of the receipt"


def test_commit_and_reservation_are_compared(opened: Any, tmp_path: Path) -> None:
    ledger = record(tmp_path / "l.db")
    done, asked = ledger.receipt(9), ledger.receipt(8)
    found = opened(receipt_page(done))
    assert found.claims() == ["holds"]
    assert "with the receipt of that entry on this page" in found.text()
    assert found.choose(done.to_json(), asked.to_json()) == ["holds", "holds"]
    assert found.claims() == ["holds", "holds"]
    assert "It stays within what entry 8 reserved." in found.text()
    more = json.loads(json.dumps(done.entry.payload))
    more["guarantee"]["epsilon"] = 1.5
    number = ledger.append("run.commit", more).seq
    other = ledger.append("run.commit", more | {"token": "t2"}).seq
    found = opened(receipt_page(ledger.receipt(number), ledger.receipt(8), ledger.receipt(other)))
    assert found.claims() == ["fails", "holds", "fails"]
    assert "epsilon 1.5 was committed, and 1.0 reserved" in found.text()
    assert "that entry is not its reservation" in found.text()


def test_every_receipt_of_every_head_holds(opened: Any, tmp_path: Path) -> None:
    ledger = plain(tmp_path / "l.db", 8)
    sizes = range(1, 10)
    every = [ledger.receipt(seq, size=n) for n in sizes for seq in range(1, n + 1)]
    found = opened(receipt_page(*every))
    assert found.verdicts() == ["holds"] * 45
    assert found.complaints == []


def test_what_is_not_in_a_receipt_is_not_called_holding(opened: Any, tmp_path: Path) -> None:
    ledger = rich(tmp_path / "l.db")
    known, early, other = ledger.receipt(3), ledger.receipt(3, size=4), ledger.receipt(2)
    assert known.entry.redacted and known.removal and not early.removal
    taken = replace(other, entry=replace(other.entry, salt=None, text=None))
    found = opened(receipt_page(known, early, taken))
    assert found.verdicts() == ["redacted", "withheld", "withheld"]
    assert found.claims() == ["none"] * 3
    for number in range(3):
        article = found.page.locator("article").nth(number)
        text = article.evaluate("node => node.textContent")
        assert "What it said is not in this receipt" in text
        assert article.locator(".outcome .good").count() == 0
        for word in ("with this content", "holds", "content is what"):
            assert word not in text
        assert ("says that it was redacted. Its reason: the person asked." in text) == (not number)
        assert ("is not shown" in text) == bool(number)
    assert found.complaints == []


def test_another_ledger_and_another_key_are_refused(opened: Any, receipt: Receipt) -> None:
    found = opened(receipt_page(receipt))
    assert found.verdicts() == ["holds"]
    for field, value in (("key", receipt.head.key), ("ledger", receipt.head.ledger)):
        found.page.fill(f"#{field}", "00" * 16)
        assert found.verdicts() == ["refused"]
        found.page.fill(f"#{field}", value)
        assert found.verdicts() == ["holds"]
    assert opened(receipt_page(receipt, key="00" * 16)).verdicts() == ["refused"]


def test_a_key_that_is_no_point_is_refused_by_both(opened: Any, receipt: Receipt) -> None:
    no_point = (2).to_bytes(32, "little")
    bad = replace(receipt, head=replace(receipt.head, public=no_point))
    for before in ("", NO_SUBTLE):
        found = opened(receipt_page(bad), before=before)
        assert found.verdicts() == ["refused"]
        assert "finds otherwise" not in found.text()


def test_a_second_opinion_that_differs_refuses(opened: Any, receipt: Receipt) -> None:
    found = opened(receipt_page(receipt), before=LIAR)
    assert found.verdicts() == ["refused"]
    assert "own code finds otherwise" in found.text()


def test_files_can_be_dropped(opened: Any, receipt: Receipt) -> None:
    found = opened(receipt_page())
    assert found.verdicts() == []
    found.page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], "dropped.json"));
          document.body.dispatchEvent(
            new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        json.dumps(receipt.to_json()),
    )
    found.until("document.querySelectorAll('article').length === 1")
    assert found.verdicts() == ["holds"]
    assert "dropped.json" in found.text()


def test_two_histories_of_one_ledger_are_refused(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    ledger = plain(tmp_path / "a" / "l.db", 3)
    fork = Ledger.open(copied(tmp_path / "a" / "l.db", tmp_path))
    for number, each in enumerate((ledger, fork)):
        each.append("fit", {"number": number})
    found = opened(receipt_page(ledger.receipt(5), ledger.receipt(4), ledger.receipt(4, size=4)))
    assert found.verdicts() == ["holds"] * 3
    found = opened(receipt_page(ledger.receipt(5), fork.receipt(5)))
    assert found.verdicts() == ["refused", "holds", "holds"]
    assert "the ledger was forked or rewritten" in found.text()
    found = opened(receipt_page(ledger.receipt(2), fork.receipt(3)))
    assert found.verdicts()[0] == "refused", "their heads differ"
    fork.append("fit", {})
    found = opened(receipt_page(ledger.receipt(5, size=5), fork.receipt(5, size=6)))
    assert found.verdicts()[0] == "refused", "their entries differ"


def test_what_only_a_signer_could_forge_is_refused(opened: Any, receipt: Receipt) -> None:
    thief = SigningKey.generate()
    (seen,) = receipt.cosignatures
    other = replace(seen, chain=bytes(32), public=thief.public)
    statement = (other.ledger, other.size, other.root, other.chain, other.time, other.public)
    other = replace(other, signature=thief.sign(framed(b"privet ledger cosign 1", *statement)))
    larger = replace(receipt.head, size=1 << 20, public=thief.public)
    larger = replace(larger, signature=thief.sign(larger.statement()))
    assert other.holds() and not check_head(larger)
    bad = [replace(receipt, cosignatures=(other,)), replace(receipt, head=larger, cosignatures=())]
    assert all(map(check, bad))
    assert opened(receipt_page(*bad)).verdicts() == ["refused"] * 2


def test_what_is_shown_is_what_was_hashed(opened: Any, tmp_path: Path) -> None:
    """Numbers stand as they were written, although JavaScript would write them otherwise."""
    ledger = Ledger.open(tmp_path / "l.db")
    numbers = [1e-7, 1e22, 1e16, -0.0, 5e-324, 0.1 + 0.2, 2**80, -(2**63), 100.0]
    names = {"__proto__": "own", "\U0001f600": 1, "\uffff": 2, "é": 3, "constructor": 4}
    ledger.append("fit", {"numbers": numbers, "names": names, "line": 'a"\\\n\u2028b'})
    found = opened(receipt_page(ledger.receipt()), before=NO_SUBTLE)
    assert found.verdicts() == ["holds"]
    assert ", ".join(map(repr, numbers)) in found.text()
    assert "__proto__".replace("_", " ") in found.text()


def test_hashes_and_signatures_are_those_of_the_reference(opened: Any) -> None:
    page = opened(receipt_page(), before=NO_SUBTLE).page
    assert page.evaluate("selfTest()") is True
    lengths = [*range(3), *range(54, 66), *range(110, 130), 255, 256, 1000]
    messages = [bytes((7 * i + n) % 256 for i in range(n)) for n in lengths]
    held = [message.hex() for message in messages]
    for name in ("sha256", "sha512"):
        ours = page.evaluate(f"all => all.map(m => hexOf({name}(fromHex(m))))", held)
        assert ours == [hashlib.new(name, message).hexdigest() for message in messages]
    key = SigningKey.generate()
    cases = [[key.public.hex(), key.sign(m).hex(), m.hex()] for m in messages[:20]]
    ask = "all => all.map(([k, s, m]) => signedBy(fromHex(k), fromHex(s), fromHex(m)))"
    assert page.evaluate(ask, cases) == [True] * 20
    no_points = ["01" + "00" * 30 + "80", "ee" + "ff" * 30 + "7f", "02" + "00" * 31]
    assert page.evaluate("all => all.map(p => decoded(fromHex(p)))", no_points) == [None] * 3
    swapped = [[k, s, cases[(n + 1) % 20][2]] for n, (k, s, _) in enumerate(cases)]
    assert page.evaluate(ask, swapped) == [False] * 20


def pages(folder: Path, **names: str) -> dict[str, str]:
    """Every page, of a ledger with these names in it."""
    ledger = record(folder / "l.db", **names)
    text = next(iter(names.values()), "readmission")
    quoted = json.dumps("x" + "".join(c for c in text if c.isprintable()))
    toml = ORGANISATION.replace('"General Hospital"', quoted).replace('"ward managers"', quoted)
    adopt_organisation(ledger, Organisation.parse(toml.encode()).text)
    return {
        "card": report(ledger, "card"),
        "ropa": report(ledger, "ropa"),
        "receipt": receipt_page(ledger.receipt(8, size=15), ledger.receipt(9, size=15)),
    }


@pytest.fixture(scope="module")
def tame(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return pages(tmp_path_factory.mktemp("tame"))


@pytest.mark.parametrize("number", range(len(NASTY)))
def test_hostile_names_run_nothing_and_fit(opened: Any, tmp_path: Path, number: int) -> None:
    nasty = NASTY[number]
    names = dict.fromkeys(("data", "purpose", "who", "column", "role"), nasty)
    for name, text in pages(tmp_path, **names).items():
        found = opened(text)
        if name == "receipt":
            assert found.verdicts() == ["holds", "holds"]
            found.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert "pending" not in found.claims()
        found.page.wait_for_load_state("networkidle")
        assert found.requests == [found.url], name
        assert found.complaints == [], name
        assert found.page.locator("img, iframe, object, form").count() == 0
        assert found.page.locator("script").count() == (2 if name == "receipt" else 0)
        for width in (320, 1200):
            found.page.set_viewport_size({"width": width, "height": 800})
            assert found.page.evaluate(OVERFLOW) == [0, []], (name, width)
        if nasty is SCRIPT:
            assert SCRIPT in found.text(), name


def test_a_script_that_slipped_in_would_not_run(opened: Any, tame: dict[str, str]) -> None:
    for name, text in tame.items():
        hole = text.replace("<header>", "<header><script>document.title = 'run'</script>", 1)
        found = opened(hole.replace("<h1", "<h1 onclick=\"document.title='run'\"", 1))
        found.page.locator("h1").click()
        assert found.page.title() != "run", name
        assert any("Content Security Policy" in text for text in found.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["card", "ropa", "receipt"])
def test_every_text_has_contrast(opened: Any, tame: dict[str, str], name: str, scheme: str) -> None:
    """WCAG 2.2, section 1.4.3."""
    found = opened(tame[name], scheme=scheme)
    if name == "receipt":
        found.verdicts()
    inks = found.page.evaluate(INKS)
    assert len(inks) > 30
    for text, ink, ground in inks:
        assert contrast(ink, ground) >= 4.5, (text, ink, ground)
    paper = found.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(", "))) < 150) == (scheme == "dark")


@pytest.mark.parametrize("name", ["card", "ropa", "receipt"])
def test_paper_cuts_nothing_off(opened: Any, tame: dict[str, str], name: str) -> None:
    found = opened(tame[name], width=657, media="print", scheme="dark")
    if name == "receipt":
        found.verdicts()
    assert found.page.evaluate(OVERFLOW) == [0, []]
    paper = found.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_links_lead_to_the_entries(opened: Any, tame: dict[str, str]) -> None:
    for name in ("card", "ropa"):
        page = opened(tame[name]).page
        broken = page.evaluate(
            """() => [...document.querySelectorAll("a[href^='#']")]
                 .filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.hash)"""
        )
        assert broken == []
        page.locator("a.cite[href='#entry-9']").first.click()
        assert page.locator("#entry-9").is_visible()
