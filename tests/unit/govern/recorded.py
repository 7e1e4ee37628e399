"""A small ledger with an entry of every kind that reports read, and a file to go with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privet.claims import Cost, DPGuarantee, Gaussian, Guarantee, Sight, to_json
from privet.govern.ledger import Ledger, cosign
from privet.govern.report.organisation import EXAMPLE as ORGANISATION
from tests.unit.govern.ledgers import WITNESS

__all__ = ["ORGANISATION", "claim", "payloads", "record", "written"]

NAMES = {"data": "patients", "purpose": "readmission", "who": "team-7", "column": "age",
         "role": "whoever gets the model"}  # fmt: skip


def claim(role: str = NAMES["role"], epsilon: float = 1.0) -> Guarantee:
    return DPGuarantee(
        epsilon=epsilon,
        delta=1e-6,
        unit="patient_id",
        relation="add-remove",
        accountant="PLD, dp-accounting 0.6",
        events=(Gaussian(5.0, what="gradient sums"),),
        sights=(Sight(role, "parameters with calibrated noise", protected=True),),
        assumptions=("the curator is trusted",),
        checks=("epsilon_for(events) <= 1",),
        provenance=("bounds from the schema",),
    )


def payloads(**changes: str) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and payloads in order; entry k of the ledger is number k + 2 here."""
    name = NAMES | changes
    cost = to_json(Cost(seconds=2.5, bytes_sent={"site": 2048}, peak_memory=200_000_000))
    guarantee = to_json(claim(name["role"]))
    request = {
        "action": "fit",
        "data_set": name["data"],
        "version": "1",
        "purpose": name["purpose"],
        "guarantee": guarantee,
        "parameters": {"model": "logistic", "steps": 300, "columns": [name["column"], "stay"]},
    }
    environment = {"privet": "0.1.0", "python": "3.12.4", "packages": {"jax": "0.7.2"}}
    charges = {name["data"]: {"loss": "1", "delta": "0.000001"}}
    query = request | {"action": "query", "parameters": {"columns": [name["column"]]}}
    return [
        ("dataset.register", {
            "name": name["data"], "version": "1", "unit": "patient_id", "max_rows": 4,
            "rows": 12000, "units": 8000, "columns": [name["column"], "stay"],
            "budget": {"epsilon": 3.0, "delta": 1e-6, "composition": "basic"},
            "purposes": {name["purpose"]: {"epsilon": 2.0, "delta": 1e-6}}, "parents": [],
            "owner": name["who"], "sketch": {}, "disjoint_from": [],
        }),
        ("policy.adopt", {"digest": "ab" * 32, "text": "", "signer": "k", "signature": ""}),
        ("dataset.version", {"name": name["data"], "version": "2", "rows": 12500, "units": 8100,
                             "sketch": {}}),
        ("approval.request", {"request": request, "job": "j", "requester": name["who"],
                              "reason": "planning"}),
        ("approval.grant", {"job": "j", "of": 5, "signer": "cd" * 16, "signature": "",
                            "expires": "2027-01-01T00:00:00Z", "reason": "asked and answered"}),
        ("run.decide", {"request": request, "requester": name["who"], "granted": True,
                        "reason": "within the policy", "policy": "ab" * 32}),
        ("run.reserve", {"token": "t1", "request": request, "requester": name["who"],
                         "approvals": [6], "environment": environment, "charges": charges}),
        ("run.commit", {"reserve": 8, "token": "t1", "guarantee": guarantee, "cost": cost,
                        "figures": {"accuracy": {"value": 0.81, "low": 0.79, "high": 0.83},
                                    "auc": 0.86}}),
        ("run.reserve", {"token": "t2", "request": query, "requester": name["who"],
                         "approvals": [], "environment": environment, "charges": charges}),
        ("run.forfeit", {"reserve": 10, "token": "t2", "reason": "KeyboardInterrupt"}),
        ("run.reserve", {"token": "t3", "request": query, "requester": name["who"],
                         "approvals": [], "environment": environment, "charges": charges}),
        ("run.release", {"reserve": 12, "token": "t3"}),
        ("run.decide", {"request": query, "requester": name["who"], "granted": False,
                        "reason": "column not allowed", "policy": "ab" * 32}),
        ("something.new", {"of": "another release"}),
    ]  # fmt: skip


def written(path: Path, entries: list[tuple[str, dict[str, Any]]]) -> Ledger:
    """A ledger of these entries."""
    ledger = Ledger.open(path)
    for kind, payload in entries:
        ledger.append(kind, payload)
    return ledger


def record(path: Path, **changes: str) -> Ledger:
    """The ledger of `payloads`, whose last head but one somebody has cosigned."""
    ledger = written(path, payloads(**changes))
    ledger.add_cosignature(cosign(ledger.head(), WITNESS))
    return ledger
