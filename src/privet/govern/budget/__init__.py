"""Budgets of data sets: what may be revealed of one person by all releases together.

A registry of data sets and their relatives, filters that hold for adaptively chosen releases,
check-and-spend as one transaction of the ledger, signed transfers, and plans.
"""

from __future__ import annotations

from privet.govern.budget.amounts import Amount
from privet.govern.budget.audit import audit_totals, rebuild_totals
from privet.govern.budget.balance import Balance, Level
from privet.govern.budget.filters import COMPOSITIONS, Budget, Terms, charge
from privet.govern.budget.forgetting import rotate_hash_key
from privet.govern.budget.pins import Pin, adopt, check_pin, pin
from privet.govern.budget.planning import Planned, PlanRow, plan
from privet.govern.budget.registry import Registry
from privet.govern.budget.relatives import Match
from privet.govern.budget.sets import DataSet
from privet.govern.budget.sketch import Overlap, Sketch, Sketcher, hash_key, hash_keys, key_name
from privet.govern.budget.traces import OWN, Traces
from privet.govern.budget.transfer import export_budget, import_budget

__all__ = [
    "COMPOSITIONS",
    "OWN",
    "Amount",
    "Balance",
    "Budget",
    "DataSet",
    "Level",
    "Match",
    "Overlap",
    "Pin",
    "PlanRow",
    "Planned",
    "Registry",
    "Sketch",
    "Sketcher",
    "Terms",
    "Traces",
    "adopt",
    "audit_totals",
    "charge",
    "check_pin",
    "export_budget",
    "hash_key",
    "hash_keys",
    "import_budget",
    "key_name",
    "pin",
    "plan",
    "rebuild_totals",
    "rotate_hash_key",
]
