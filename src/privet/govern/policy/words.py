"""A request in plain words, for someone who approves and does not use a shell."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from privet.claims import (
    DPGuarantee,
    FLGuarantee,
    Guarantee,
    HEGuarantee,
    JointGuarantee,
    LocalDPGuarantee,
    MPCGuarantee,
)

ACTIONS = {
    "fit": "Train a model",
    "query": "Answer a query",
    "perturb": "Add noise to every record",
    "compare": "Compare protections",
    "schema": "Find bounds for a schema",
    "predict": "Predict with a model",
}


def what_runs(action: str, data_set: str) -> str:
    """The title: what would be done, to which data."""
    return f"{ACTIONS.get(action, action)} on {data_set}"


def promises(guarantee: Guarantee) -> Iterator[str]:
    """What the guarantee promises the people in the data, a paragraph for each part."""
    parts = list(leaves(guarantee))
    rehearsed = guarantee.simulated or any(part.simulated for part in parts)
    if rehearsed:
        yield (
            "This is a rehearsal: all roles run in one place, under one user, who sees the data "
            "and from whom nothing protects."
        )
    for part in parts:
        yield _promise(part)
    if not rehearsed and all(isinstance(part, DPGuarantee) for part in parts):
        yield "The person or program that runs it does see the data."


def leaves(guarantee: Guarantee) -> Iterator[Guarantee]:
    """The parts of a stack; a single guarantee itself."""
    if isinstance(guarantee, JointGuarantee):
        for part in guarantee.parts:
            yield from leaves(part)
    else:
        yield guarantee


def _promise(part: Guarantee) -> str:
    if isinstance(part, DPGuarantee):
        return _central(part)
    if isinstance(part, LocalDPGuarantee):
        return (
            "Noise is added to each record before it leaves its device. Whoever sees the noisy "
            f"record can tell two possible true records apart only so far: {_odds(part.epsilon)}."
        )
    if isinstance(part, MPCGuarantee):
        many = "one of them" if part.threshold == 1 else f"{part.threshold} of them together"
        return (
            f"The data are split into shares among {part.parties} parties. Even {many} "
            f"{'learns' if part.threshold == 1 else 'learn'} nothing but the result, as long as "
            "the others do not help. The result itself may still tell something about a person."
        )
    if isinstance(part, HEGuarantee):
        return (
            "The data are encrypted before they leave, and the computer that evaluates them sees "
            f"only ciphertexts; breaking them takes about 2^{part.security_bits} steps. The "
            "holder of the key sees the result, which may still tell something about a person."
        )
    if isinstance(part, FLGuarantee):
        seen = "only the sum" if part.secure_aggregation else "each of the updates"
        return (
            f"The rows stay at their {part.sites} sites. The aggregator sees {seen} of at least "
            f"{part.min_contributors} sites' model updates, which may still tell something about "
            "a person."
        )
    return (
        "Nothing is promised. The result may reveal the rows that it was made from, to whoever "
        "gets it."
    )


def _central(part: DPGuarantee) -> str:
    if not part.secret_noise:
        return (
            "The noise is made from a known seed, so nothing is promised: whoever knows the seed "
            "can take the noise away."
        )
    whose = "one row" if part.unit == "row" else f"all rows of one {part.unit}"
    fails = f" This may fail, with a chance of {_chance(part.delta)}." if part.delta else ""
    return (
        f"Whoever gets the result, whatever else they know, learns almost the same about a "
        f"person whether or not {whose} took part: {_odds(part.epsilon)}.{fails}"
    )


def _chance(delta: float) -> str:
    """A small probability as one in so many."""
    return f"at most 1 in {math.floor(1 / delta * (1 + 1e-9)):,}"


def _odds(epsilon: float) -> str:
    """How far the odds of a guess can move, in words that need no logarithm."""
    if epsilon == 0:
        return "no guess gets any better"
    if epsilon > 20:
        return (
            f"epsilon is {epsilon:.4g}, so large that a guess may become as good as certain"
        )
    sure = 1 / (1 + math.exp(-epsilon))
    return (
        f"a guess that was fifty-fifty before is right in at most {100 * sure:.3g} of 100 cases "
        f"after (epsilon {epsilon:.4g})"
    )


def shown(value: Any) -> str:
    """A parameter as one line."""
    if isinstance(value, str):
        return value or "(empty)"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not set"}[value]
    return json.dumps(value, ensure_ascii=False)


def flat(parameters: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Parameters by name, nested ones with a dot."""
    for name, value in parameters.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, shown(value)
