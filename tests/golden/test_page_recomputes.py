"""The receipt page's own arithmetic against dp-accounting and SciPy, run in Chromium or Node.

Three implementations stand side by side: JavaScript in the page, dp-accounting as the command
line uses it, and, for Gaussians on every unit, the closed form by SciPy.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr

from privet.claims import DPGuarantee, NoGuarantee, to_json
from privet.claims.events import Event, Gaussian, PoissonGaussian
from privet.cli.recomputed import Answer, exceeds, recomputed
from privet.dp.accounting import epsilon_for, epsilon_on_grid
from privet.govern.report import look, receipt_page
from privet.govern.report.receipts import SCRIPTS
from tests.browser.chromium import chromium, executable
from tests.golden.test_accounting_quadrature import exact

NODE = shutil.which("node")
ENGINES = [
    pytest.param("node", marks=pytest.mark.skipif(NODE is None, reason="there is no Node")),
    pytest.param(
        "chromium",
        marks=[
            pytest.mark.browser,
            pytest.mark.skipif(executable() is None, reason="there is no Chromium"),
        ],
    ),
]
Script = Callable[[str, Any], Any]


@pytest.fixture(scope="module", params=ENGINES)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Script]:
    """Runs the body of an asynchronous function of `input` beside the page's scripts."""
    folder = tmp_path_factory.mktemp("page")
    if request.param == "node":
        # The last script works on the page itself; what it shares with the others comes along.
        texts = [look.beside(name) for name in SCRIPTS]
        texts[-1] = texts[-1].partition("function shown")[0] + (
            "const plain = (value) => String(bare(value));"
        )

        def by_node(body: str, value: Any) -> Any:
            script = folder / "run.mjs"
            script.write_text(
                "\n".join(texts) + "\nimport { readFileSync } from 'node:fs';\n"
                "const input = JSON.parse(readFileSync(0, 'utf8'));\n"
                f"const found = await (async () => {{ {body} }})();\n"
                "console.log(JSON.stringify(found));",
                encoding="utf-8",
            )
            done = subprocess.run(
                [str(NODE), str(script)], input=json.dumps(value), text=True,
                capture_output=True, check=False, timeout=300,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        yield by_node
        return
    path = folder / "page.html"
    path.write_text(receipt_page(), encoding="utf-8")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(path.as_uri())
        yield lambda body, value: page.evaluate(f"async input => {{ {body} }}", value)


def plain(events: tuple[Event, ...]) -> list[dict[str, float]]:
    """The releases as the page's arithmetic takes them."""
    return [
        {"noise": e.noise_multiplier, "count": e.count, "rate": getattr(e, "rate", 1)}
        for e in events
    ]


def closed_form(mu: float, delta: float) -> float:
    """Balle & Wang 2018, Theorem 8."""

    def excess(epsilon: float) -> float:
        tail = math.exp(epsilon + float(log_ndtr(-mu / 2 - epsilon / mu)))
        return float(ndtr(mu / 2 - epsilon / mu)) - tail - delta

    return float(brentq(excess, 0, 500, xtol=1e-12)) if excess(0) > 0 else 0.0


def test_what_is_no_number_bounds_nothing(run: Script) -> None:
    assert run("return [NaN, 2].map(d => leastEpsilon(() => d, 0.5) === Infinity)", 0) == [True] * 2


def test_tails_are_those_of_scipy(run: Script) -> None:
    places = [0.0, 1e-9, 0.3, 0.999, 1.0, 1.414, 1.415, 2.5, 5.0, 8.0, 11.3, 11.4, 20.0, 37.0]
    found = run("return input.map(upperTail)", places)
    for z, tail in zip(places, found, strict=True):
        assert tail == pytest.approx(float(ndtr(-z)), rel=2e-13)


@pytest.mark.parametrize("delta", [1e-3, 1e-6, 1e-10])
def test_gaussians_are_the_closed_form(run: Script, delta: float) -> None:
    mus = [0.001, 0.02, 0.2, 0.7, 1.0, 3.0, 8.0]
    found = run(
        "return input.mus.map(mu => leastEpsilon(e => gaussianDelta(mu, e), input.delta))",
        {"mus": mus, "delta": delta},
    )
    assert found == pytest.approx([closed_form(mu, delta) for mu in mus], rel=1e-7, abs=1e-9)
    accountant = [epsilon_for(Gaussian(1 / mu), delta) for mu in mus[2:]]
    assert found[2:] == pytest.approx(accountant, abs=1e-3)


def claim(*events: Event, epsilon: float, delta: float = 1e-6, **changes: Any) -> dict[str, Any]:
    return to_json(
        DPGuarantee(
            epsilon=epsilon, delta=delta, unit="row", relation="zero-out", accountant="PLD",
            events=events,
        )
    ) | changes  # fmt: skip


ONE = Gaussian(4.0, 3)
LEAST = closed_form(math.sqrt(3) / 4, 1e-6)
HALF = closed_form(math.sqrt(3) / 4, 5e-7)
GOOD = claim(ONE, epsilon=LEAST)


def events(**changes: Any) -> list[dict[str, Any]]:
    return [GOOD["events"][0] | changes]


RATED = {"kind": "poisson-gaussian", "sampler": "poisson"}
ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "what was accounted": (GOOD, "holds"),
    "more": (GOOD | {"epsilon": 9}, "holds"),
    "a little less": (GOOD | {"epsilon": LEAST - 9e-4}, "holds"),
    "less": (GOOD | {"epsilon": LEAST - 1.5e-3}, "fails"),
    "much less": (GOOD | {"epsilon": LEAST / 2}, "fails"),
    "nothing": (GOOD | {"epsilon": 0}, "fails"),
    "a small one, less": (claim(Gaussian(600.0), epsilon=0.0046), "fails"),
    "a smaller delta": (GOOD | {"delta": 1e-7}, "fails"),
    "no delta": (GOOD | {"delta": 0}, "fails"),
    "another relation": (GOOD | {"relation": "add-remove"}, "holds"),
    "twice the sensitivity": (GOOD | {"relation": "replace-one"}, "fails"),
    "less noise": (GOOD | {"events": events(noise_multiplier=3.9)}, "fails"),
    "more releases": (GOOD | {"events": events(count=4)}, "fails"),
    "the share": (GOOD | {"epsilon": HALF, "delta_split": {
        "mechanism": 5e-7, "noise on a grid": 5e-7}}, "holds"),
    "as if all were the share": (GOOD | {"delta_split": {
        "mechanism": 5e-7, "noise on a grid": 5e-7}}, "fails"),
    "enough at the share": (GOOD | {"epsilon": HALF, "delta_split": {
        "mechanism": 5e-7, "bounds": 4e-7}}, "holds"),
    "between": (GOOD | {"epsilon": (LEAST + HALF) / 2, "delta_split": {
        "mechanism": 5e-7, "bounds": 4e-7}}, "unknown"),
    "too little for any share": (GOOD | {"epsilon": LEAST / 2, "delta_split": {
        "mechanism": 5e-7, "bounds": 4e-7}}, "fails"),
    "no share": (GOOD | {"delta_split": {"bounds": 5e-7}}, "unknown"),
    "an empty share": (GOOD | {"delta_split": {"mechanism": 0.0}}, "fails"),
    "all elsewhere": (GOOD | {"delta_split": {"mechanism": 0.0, "bounds": 1e-6}}, "unknown"),
    "too much share": (GOOD | {"delta_split": {"mechanism": 2e-6}}, "fails"),
    "a debt": (GOOD | {"delta_split": {"mechanism": 2e-6, "bounds": -1e-6}}, "fails"),
    "no releases": (GOOD | {"events": []}, "unknown"),
    "no noise": (GOOD | {"events": events(noise_multiplier=0)}, "fails"),
    "hardly any noise": (GOOD | {"events": events(noise_multiplier=0.01)}, "fails"),
    "noise that is too small to square": (
        GOOD | {"events": events(noise_multiplier=1e-200)}, "unknown"),
    "noise that is too large to square": (
        GOOD | {"events": events(noise_multiplier=1e300)}, "unknown"),
    "very many": (GOOD | {"events": events(count=2**52)}, "fails"),
    "no count": (GOOD | {"events": events(count=0)}, "fails"),
    "half a count": (GOOD | {"events": events(count=1.5)}, "fails"),
    "a rate of 0": (GOOD | {"events": events(**RATED, rate=0)}, "fails"),
    "a rate above 1": (GOOD | {"events": events(**RATED, rate=1.01)}, "fails"),
    "a rate of 1": (GOOD | {"events": events(**RATED, rate=1)}, "holds"),
    "shuffled": (GOOD | {"events": events(sampler="shuffled")}, "unknown"),
    "another kind of release": (GOOD | {"events": events(kind="laplace")}, "unknown"),
    "a release that says more": (GOOD | {"events": events(more=1)}, "unknown"),
    "a claim that says more": (GOOD | {"more": 1}, "unknown"),
    "no relation": (GOOD | {"relation": "some"}, "fails"),
    "a negative epsilon": (GOOD | {"epsilon": -1}, "fails"),
    "a text": (GOOD | {"epsilon": "1"}, "fails"),
    "a delta of 1": (GOOD | {"delta": 1}, "fails"),
    "nothing claimed": (to_json(NoGuarantee()), "unknown"),
    "a stack": ({"kind": "joint", "parts": [GOOD]}, "unknown"),
    "another kind": ({"kind": "toString"}, "unknown"),
}  # fmt: skip
WORDS = {"holds": "holds", "fails": "does not hold", "unknown": "cannot be recomputed"}
ASK = """const out = [];
for (const text of input) {
  const { answer, why, found, share } = await recomputed(parsed(text));
  out.push([answer, why, Number.isFinite(found) ? found : null, share ?? null]);
}
return out;"""


def test_page_and_command_answer_alike(run: Script) -> None:
    found = run(ASK, [json.dumps(record) for record, _ in ANSWERS.values()])
    for (name, (record, wanted)), (word, why, value, share) in zip(
        ANSWERS.items(), found, strict=True
    ):
        other: Answer = recomputed(record)
        assert (word, other.answer) == (wanted, WORDS[wanted]), (name, why, other)
        assert (value is not None) or other.found is None, name
        assert bool(why) == bool(other.why) == (wanted != "holds"), name
        if other.found is not None:
            assert value == pytest.approx(other.found, abs=1e-3), name
            assert share == other.share


RESERVED: dict[str, tuple[dict[str, Any], bool]] = {
    "the same": (GOOD, True),
    "less": (GOOD | {"epsilon": 0.1, "delta": 1e-7}, True),
    "more epsilon": (GOOD | {"epsilon": LEAST * 1.01}, False),
    "more delta": (GOOD | {"delta": 2e-6}, False),
    "another unit": (GOOD | {"unit": "patient_id"}, False),
    "another relation": (GOOD | {"relation": "replace-one"}, False),
    "another kind": (to_json(NoGuarantee()), False),
    "no number": (GOOD | {"epsilon": None}, False),
}


def test_page_and_command_compare_alike(run: Script) -> None:
    found = run(
        "return input.all.map(text => exceeds(parsed(text), parsed(input.asked)))",
        {"all": [json.dumps(item) for item, _ in RESERVED.values()], "asked": json.dumps(GOOD)},
    )
    for (name, (item, fits)), fault in zip(RESERVED.items(), found, strict=True):
        assert (fault == "") == (exceeds(item, GOOD) == "") == fits, (name, fault)


COMPOSE = """const out = [];
for (const { events, relation, delta } of input) {
  const curve = await composedDelta(events, relation, delta);
  out.push(curve && leastEpsilon(curve, delta));
}
return out;"""
Case = tuple[tuple[Event, ...], float, str]


def compared(run: Script, cases: list[Case], interval: float) -> None:
    """The page's epsilon is that of dp-accounting on a grid of this width, within 1e-3."""
    asked = [{"events": plain(e), "delta": d, "relation": r} for e, d, r in cases]
    found = run(COMPOSE, asked)
    for (releases, delta, relation), epsilon in zip(cases, found, strict=True):
        accountant = epsilon_on_grid(releases, delta, relation, interval)
        assert epsilon == pytest.approx(accountant, abs=1e-3), (releases, delta, relation)
        # Both are upper bounds; this one lies below the other by the other's grid at most.
        assert epsilon >= accountant * 0.99 - 1e-4


def test_sampled_releases_are_those_of_the_accountant(run: Script) -> None:
    compared(
        run,
        [
            ((PoissonGaussian(1.0, 300, rate=0.01),), 1e-5, "zero-out"),
            ((PoissonGaussian(1.0, 300, rate=0.01),), 1e-5, "replace-one"),
            ((PoissonGaussian(0.6, 1, rate=0.2),), 1e-3, "add-remove"),
            ((PoissonGaussian(3.0, 100, rate=0.5),), 1e-9, "zero-out"),
            (
                (Gaussian(6.0, 4), PoissonGaussian(2.0, 50, rate=0.1), Gaussian(9.0)),
                1e-6,
                "zero-out",
            ),
            ((Gaussian(6.0, 4), PoissonGaussian(2.0, 50, rate=0.1)), 1e-6, "replace-one"),
        ],
        1e-4,
    )


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.7, 1.0, 3.0])
def test_a_grid_of_sampled_releases_is_that_of_the_accountant(run: Script, noise: float) -> None:
    chosen = product((1, 100, 3000), (0.002, 0.02, 0.2), (1e-5, 1e-8))
    cases: list[Case] = [
        ((PoissonGaussian(noise, count, rate=rate),), delta, "zero-out")
        for count, rate, delta in chosen
    ]
    compared(run, cases, 5e-5)


def test_one_sampled_release_is_the_divergence_of_its_mixtures(run: Script) -> None:
    """Without any grid: the set on which the losses exceed epsilon is a half-line."""
    cases = [(s, q, d, r) for s in (0.6, 3.0) for q in (0.01, 0.64) for d in (1e-3, 1e-6)
             for r in ("zero-out", "replace-one")]  # fmt: skip
    asked = [
        {"events": plain((PoissonGaussian(s, rate=q),)), "delta": d, "relation": r}
        for s, q, d, r in cases
    ]
    for case, epsilon in zip(cases, run(COMPOSE, asked), strict=True):
        truth = exact(*case)
        assert truth - 1e-9 <= epsilon <= truth + 2e-5, case


def test_a_wider_grid_bounds_from_above(run: Script) -> None:
    releases, delta = (PoissonGaussian(1.0, 200, rate=0.02),), 1e-6
    body = """const out = [];
    for (const coarser of [1, 8, 64]) {
      const curve = await composedDelta(input.events, "zero-out", input.delta, { coarser });
      out.push(leastEpsilon(curve, input.delta));
    }
    return out;"""
    fine, wide, widest = run(body, {"events": plain(releases), "delta": delta})
    assert epsilon_on_grid(releases, delta, "zero-out", 2e-5) - 1e-4 < fine < wide < widest


def test_sampled_claims_are_answered_alike(run: Script) -> None:
    releases = (PoissonGaussian(2.0, 60, rate=0.1), Gaussian(8.0))
    spent = epsilon_for(releases, 1e-6)
    good = claim(*releases, epsilon=spent)
    cases = {
        "as accounted": (good, "holds"),
        "lowered": (good | {"epsilon": spent - 2.5e-3}, "fails"),
        "halved": (good | {"epsilon": spent / 2}, "fails"),
        "replaced": (good | {"relation": "replace-one"}, "fails"),
        "a smaller share": (good | {"delta_split": {"mechanism": 1e-8}}, "fails"),
        "no noise to speak of": (good | {"events": [
            good["events"][0] | {"noise_multiplier": 1e-3}]}, "unknown"),
    }  # fmt: skip
    found = run(ASK, [json.dumps(record) for record, _ in cases.values()])
    for (name, (record, wanted)), (word, why, value, _) in zip(cases.items(), found, strict=True):
        assert word == wanted, (name, why)
        if wanted != "unknown":
            other = recomputed(record)
            assert other.answer == WORDS[wanted], (name, other)
            assert value == pytest.approx(other.found, abs=1e-3), name
