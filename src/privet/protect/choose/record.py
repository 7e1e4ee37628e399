"""Comparisons as JSON objects and back, without loss."""

from __future__ import annotations

from typing import Any

from privet.claims import DPGuarantee, from_json, to_json
from privet.errors import InvalidInput
from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.score import METRICS, Score

FORMAT = 1
"""Version of the layout."""

_SIMPLE = (
    "data", "target", "model", "classes", "rows", "features", "unit", "train_rows", "test_rows",
    "test_size", "release", "release_epsilon", "release_delta",
)  # fmt: skip


def to_record(comparison: Comparison) -> dict[str, Any]:
    """A JSON-compatible dict that `from_record` reads back to an equal value."""
    advice = comparison.recommended
    return {
        "kind": "comparison",
        "format": FORMAT,
        **{name: getattr(comparison, name) for name in _SIMPLE},
        "seeds": list(comparison.seeds),
        "made": dict(comparison.made),
        "guarantee": to_json(comparison.guarantee) if comparison.guarantee else None,
        "span": comparison.span,
        "baselines": {name: _score_json(score) for name, score in comparison.baselines.items()},
        "entries": [_entry_json(entry) for entry in comparison.entries],
        "recommendation": {"choice": advice.choice, "kind": advice.kind, "text": advice.text},
    }


def from_record(record: dict[str, Any]) -> Comparison:
    """The comparison that `to_record` wrote.

    Raises:
        InvalidInput: something else, or a layout of another version.
    """
    if not isinstance(record, dict) or record.get("kind") != "comparison":
        raise InvalidInput("this is no comparison", bound='a dict with "kind": "comparison"')
    if record.get("format") != FORMAT:
        raise InvalidInput(
            "a comparison of another version", value=record.get("format"), bound=f"{FORMAT}"
        )
    try:
        return Comparison(
            **{name: record[name] for name in _SIMPLE},
            seeds=tuple(record["seeds"]),
            made=dict(record["made"]),
            guarantee=_claim(record.get("guarantee")),
            span=record.get("span", 1.0),
            baselines={k: _score(k, v) for k, v in record["baselines"].items()},
            entries=tuple(_entry(item) for item in record["entries"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"an incomplete comparison: {error!r}") from error


def _claim(record: Any) -> DPGuarantee | None:
    """The guarantee of a comparison that was released; older records have none."""
    claim = from_json(record) if record else None
    if claim is not None and not isinstance(claim, DPGuarantee):
        raise InvalidInput("a comparison is released under differential privacy alone")
    return claim


def _score_json(score: Score) -> dict[str, Any]:
    return {
        "mean": score.mean, "low": score.low, "high": score.high,
        "half": score.half, "values": list(score.values),
    }  # fmt: skip


def _score(metric: str, record: dict[str, Any]) -> Score:
    if metric not in METRICS:
        raise InvalidInput("unknown metric", value=metric, bound=", ".join(METRICS))
    return Score(metric, tuple(record["values"]), record["half"])


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "label": entry.label,
        "name": entry.name,
        "epsilon": entry.epsilon,
        "guarantee": to_json(entry.guarantee) if entry.guarantee else None,
        "scores": {name: _score_json(score) for name, score in entry.scores.items()},
        "cost": to_json(entry.cost) if entry.cost else None,
        "notes": list(entry.notes),
        "refusal": entry.refusal,
        "remedy": entry.remedy,
    }


def _entry(record: dict[str, Any]) -> Entry:
    return Entry(
        label=record["label"],
        name=record["name"],
        guarantee=from_json(record["guarantee"]) if record["guarantee"] else None,
        scores={name: _score(name, score) for name, score in record["scores"].items()},
        cost=from_json(record["cost"]) if record["cost"] else None,
        notes=tuple(record["notes"]),
        refusal=record["refusal"],
        remedy=record["remedy"],
    )
