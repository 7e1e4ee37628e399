"""Accuracy of private linear models: mean test figures, one default configuration for all.

Splits are 75/25 with seeds 0, 1, ..., delta is 1 / units^1.1, bounds come from committed schemas.
The headline is breast cancer at epsilon 1; `rows` holds every data set and epsilon, with the
figure in the clear and those of two methods that lost (`bench.dp.losers`). `holds` says whether
every row that has a target reaches it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score

import privet as pv
from bench.dp import losers
from bench.dp.problems import Problem, Split, problems
from bench.harness import Figure, run_peer
from privet.data import Encoded, Schema

Array = np.ndarray[Any, Any]
EPSILONS = (0.1, 0.5, 1.0, 3.0)
HEADLINE = ("breast cancer", 1.0)


@dataclass(frozen=True)
class Case:
    """One split, as frames and encoded."""

    split: Split
    train: Encoded
    test: Encoded


def run(quick: bool) -> dict[str, Any]:
    """All rows, or breast cancer with three seeds."""
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    peer = None
    for problem in problems():
        if quick and problem.name != HEADLINE[0]:
            continue
        seeds = min(problem.seeds, 3) if quick else problem.seeds
        schema = problem.schema()
        try:
            cases = [_case(split, problem, schema) for split in problem.splits(seeds)]
        except FileNotFoundError as absent:
            skipped.append(f"{problem.name}: no {absent.filename}; set PRIVET_DATA")
            continue
        if problem.name == HEADLINE[0]:
            peer = _peer(cases)
        rows += _rows(problem, schema, cases, judged=not quick)
    head = next(row for row in rows if (row["data"], row["epsilon"]) == HEADLINE)
    figure = Figure(
        name="dp.accuracy",
        ours=head["ours"],
        unit="accuracy",
        peer="diffprivlib LogisticRegression",
        peer_figure=None if peer is None else peer["accuracy"],
        target=head["target"],
        lower_is_better=False,
        detail={
            "data": "breast cancer, epsilon 1",
            "peer_version": None if peer is None else peer["version"],
        },
    )
    reached = [row["holds"] for row in rows if row["holds"] is not None]
    # The targets are means over ten splits, so three do not judge them.
    holds = None if quick else all(reached)
    return {**figure.to_json(), "holds": holds, "rows": rows, "skipped": skipped}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| data | figure | epsilon | private | sd | target | uncentred | ridge | in the clear |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        target = "-" if row["target"] is None else f"{row['target']:g}"
        mark = {None: "", True: "", False: " (missed)"}[row["holds"]]
        lines.append(
            f"| {row['data']} | {row['figure']} | {row['epsilon']:g} | {row['ours']:.4f} "
            f"| {row['sd']:.4f} | {target}{mark} | {row['uncentred']:.3f} | {row['ridge']:.3f} "
            f"| {row['in_the_clear']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _case(split: Split, problem: Problem, schema: Schema) -> Case:
    encoded = [
        pv.read(x.assign(**{str(schema.target_name): y}), schema=schema).encode(
            encoding="bins" if problem.model == "additive" else "scaled"
        )
        for x, y in ((split.train, split.train_y), (split.test, split.test_y))
    ]
    return Case(split, *encoded)


def _rows(
    problem: Problem, schema: Schema, cases: list[Case], *, judged: bool
) -> list[dict[str, Any]]:
    few = cases[:1] if len(cases[0].train.x) > 5000 else cases
    clear = float(np.mean([_ours(problem, schema, case, None, 0) for case in few]))
    found = []
    for epsilon in sorted({*EPSILONS, *problem.targets}):
        ours = [
            _ours(problem, schema, case, epsilon, seed + len(cases) * repeat)
            for seed, case in enumerate(cases)
            for repeat in range(problem.repeats)
        ]
        lost = np.array([_lost(problem, case, epsilon, s) for s, case in enumerate(few)])
        target = problem.targets.get(epsilon)
        mean = float(np.mean(ours))
        found.append(
            {
                "data": problem.name,
                "figure": problem.metric,
                "model": problem.model,
                "epsilon": epsilon,
                "seeds": len(cases),
                "repeats": problem.repeats,
                "ours": mean,
                "sd": float(np.std(ours)),
                "in_the_clear": clear,
                "uncentred": float(lost[:, 0].mean()),
                "ridge": float(lost[:, 1].mean()),
                "target": target,
                "holds": None if target is None or not judged else mean >= target,
            }
        )
    return found


def _ours(problem: Problem, schema: Schema, case: Case, epsilon: float | None, seed: int) -> float:
    """The figure of one fit; without epsilon, in the clear."""
    # The noise is reproducible here, so that the table is: nothing of it protects anyone.
    protect = None if epsilon is None else pv.Private(epsilon, insecure_seed=seed)
    split = case.split
    if problem.metric == "r2":
        model = pv.Ridge(protect=protect, schema=schema).fit(split.train, split.train_y)
        return float(r2_score(split.test_y, model.predict(split.test)))
    if problem.model == "logistic":
        classifier = pv.LogisticRegression(protect=protect, schema=schema)
    else:
        classifier = pv.Classifier(model=problem.model, protect=protect, schema=schema)
    chances = classifier.fit(split.train, split.train_y).predict_proba(split.test)
    return _figure(problem.metric, case.test.y, chances)


def _lost(problem: Problem, case: Case, epsilon: float, seed: int) -> tuple[float, float]:
    x, y, bounds = case.train.x, case.train.y, case.train.bounds
    assert bounds is not None
    classes = case.train.target.classes
    k = None if classes is None else len(classes)
    weights = (
        losers.uncentred(x, y, k, epsilon, seed),
        losers.ridge(x, y, k, epsilon, bounds.norm, seed),
    )
    plain, ridge = (
        _figure(problem.metric, case.test.y, losers.scores(w, case.test.x)) for w in weights
    )
    return plain, ridge


def _figure(metric: str, y: Array, scores: Array) -> float:
    """From class numbers, or a scaled target, and a score per class."""
    if metric == "r2":
        return float(r2_score(y, scores[:, 0]))
    if metric == "auc":
        return float(roc_auc_score(y, scores[:, 1] - scores[:, 0]))
    return float((scores.argmax(axis=1) == y).mean())


def _peer(cases: list[Case]) -> dict[str, Any] | None:
    rows: dict[str, Any] = {"seeds": len(cases)}
    for seed, case in enumerate(cases):
        rows |= {f"x{seed}": case.train.x, f"y{seed}": case.train.y}
        rows |= {f"test{seed}": case.test.x, f"test_y{seed}": case.test.y}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, **rows)
        script = Path(__file__).with_name("peer_accuracy.py")
        return run_peer("diffprivlib", script, [str(path), str(HEADLINE[1])])
