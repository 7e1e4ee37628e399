"""A small policy, its people and a ledger that has adopted it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from privet.claims import DPGuarantee, Request, Reservation
from privet.govern.ledger import Ledger, SigningKey
from privet.govern.policy import Facts, Policy, adopt
from privet.govern.steward import LedgerSteward
from tests.unit.govern.budgets_helpers import COST, Obeying, Says

ANNA, BO, MALLORY = (SigningKey.generate() for _ in range(3))
PEOPLE = f'[approvers]\n"Anna Berg" = "{ANNA.public.hex()}"\n"Bo Lund" = "{BO.public.hex()}"\n'
NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
SOON = timedelta(days=2)
TERMS = {
    "actions": '["fit", "compare", "predict"]',
    "protections": '["private", "federated+private"]',
    "purposes": '{"reduce readmissions" = {epsilon = 1.5}, "quality control" = {plain = true}}',
    "columns": '["age", "city"]',
    "epsilon_per_release": "1.0",
    "delta_per_release": "1e-5",
    "minimum_cohort": "100",
    "keep_models_days": "30",
    "keep_data_days": "60",
    "reports": '["card"]',
}
DATA = {
    "name": "patients",
    "version": "v1",
    "unit": "patient",
    "units": 500,
    "rows": 900,
    "columns": ["age", "city"],
    "parents": [],
    "budget": {"epsilon": 3.0, "delta": 1e-5, "composition": "basic"},
}


def text_of(people: str = PEOPLE, **changes: str | None) -> str:
    """The policy with some keys of its default table changed; None leaves a key out."""
    terms = {key: value for key, value in {**TERMS, **changes}.items() if value is not None}
    lines = "\n".join(f"{key} = {value}" for key, value in terms.items())
    return f'owner = "St. Mary\'s"\n{people}\n[default]\n{lines}\n'


def policy_of(**changes: str | None) -> Policy:
    return Policy.parse(text_of(**changes))


def private(epsilon: float = 1.0, delta: float = 1e-6, **more: Any) -> DPGuarantee:
    return DPGuarantee(epsilon=epsilon, delta=delta, unit="patient", relation="zero-out",
                       accountant="pld", **more)


def wish(**changes: Any) -> Request:
    """A request that the policy allows."""
    usual: dict[str, Any] = {
        "action": "fit",
        "data_set": "patients",
        "purpose": "reduce readmissions",
        "guarantee": private(),
        "parameters": {"model": "logistic", "columns": ["age"]},
    }
    return Request(**{**usual, **changes})


def facts_of(policy: Policy, **changes: Any) -> Facts:
    """Facts under which the request is allowed."""
    usual: dict[str, Any] = {
        "ledger": "ab" * 16,
        "adopted": policy.digest,
        "registered": True,
        "version": "v1",
        "version_time": NOW - timedelta(days=10),
        "columns": ("age", "city"),
        "units": 500,
        "reports": frozenset({"card"}),
        "model_time": NOW - timedelta(days=3),
    }
    return Facts(**{**usual, **changes})


def ledger_with(folder: Any, text: str | None = None, **options: Any) -> Ledger:
    """A ledger with the data set, its report, and the policy adopted."""
    ledger = Ledger.open(folder / "ledger.db", **options)
    ledger.append("dataset.register", DATA)
    ledger.append("report", {"format": "card", "data_set": "patients"})
    adopt(ledger, text if text is not None else text_of(approvals="2"))
    return ledger


def reserved(ledger: Ledger, wanted: Request) -> tuple[LedgerSteward, Reservation]:
    """A run that is reserved whatever the ledger's policy says, and the steward that settles it."""
    steward = Obeying(ledger, Says(granted=True))
    return steward, steward.reserve(wanted)


def committed(ledger: Ledger, wanted: Request) -> str:
    """A run that has ended well; where its entry stands."""
    steward, held = reserved(ledger, wanted)
    return str(steward.commit(held, wanted.guarantee, COST).entry)
