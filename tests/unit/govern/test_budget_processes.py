"""Processes that race for the last of a budget, and processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from privet.govern.budget import Budget, Registry, audit_totals
from privet.govern.ledger import Ledger, verify
from tests.unit.govern.budgets_helpers import registered

SPENDER = """
import sys
from privet.claims import Cost, DPGuarantee, Request
from privet.errors import OutOfBudget
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward
ledger = Ledger.open(sys.argv[1])
steward = LedgerSteward(ledger, requester=sys.argv[2])
claim = DPGuarantee(epsilon=0.1, delta=1e-7, unit="row", relation="zero-out", accountant="x")
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
while True:
    try:
        held = steward.reserve(Request(action="fit", data_set=sys.argv[3], guarantee=claim))
        sys.stdout.write("reserved " + held.token + "\\n")
        sys.stdout.flush()
        steward.commit(held, claim, Cost())
        sys.stdout.write("committed " + held.token + "\\n")
        sys.stdout.flush()
    except OutOfBudget:
        break
"""


def spender(path, who, name="patients"):
    command = [sys.executable, "-c", SPENDER, str(path), who, name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def together(processes):
    """Start all at the same moment, and read what each says until it ends."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = []
    for process in processes:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        said += out.splitlines()
    return said


@pytest.mark.slow
def test_eight_processes_race_for_the_last_units(tmp_path):
    path = tmp_path / "l.db"
    ledger = Ledger.open(path)
    registry = registered(ledger, budget=Budget(2.0, 1e-3))
    # Half of them spend through a child, whose parent has less left than both together want.
    registry.register("adults", unit="row", budget=Budget(1.5, 1e-3), version="1",
                      parents=["patients"])
    said = together([spender(path, str(n), ("patients", "adults")[n % 2]) for n in range(8)])
    reserved = {line.split()[1] for line in said if line.startswith("reserved")}
    committed = {line.split()[1] for line in said if line.startswith("committed")}
    assert len(reserved) == 20
    assert committed == reserved
    assert sum(entry.kind == "run.reserve" for entry in ledger.entries()) == 20
    balance = Registry(ledger).balance("patients")
    assert (balance.spent.epsilon, balance.left.epsilon) == (2.0, 0.0)
    assert audit_totals(ledger) == []
    assert verify(ledger).ok


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_killed_runs_stay_spent_and_totals_stay_true(tmp_path):
    path = tmp_path / "l.db"
    ledger = Ledger.open(path)
    registered(ledger, budget=Budget(500.0, 0.1))
    reserved, committed = set(), set()
    for round_, wait in enumerate([0.0, 0.004, 0.011, 0.03, 0.08, 0.6]):
        process = spender(path, str(round_))
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        lines = [process.stdout.readline()]
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        process.wait()
        whole = [line.split() for line in lines if len(line.split()) == 2]
        reserved |= {token for what, token in whole if what == "reserved"}
        committed |= {token for what, token in whole if what == "committed" and len(token) == 32}
        written = {e.payload["token"] for e in ledger.entries(kind="run.reserve")}
        assert {token for token in reserved if len(token) == 32} <= written
        balance = Registry(ledger).balance("patients")
        used = balance.spent.epsilon + balance.reserved.epsilon
        assert round(used * 10) == len(written)
        assert len(committed) <= round(balance.spent.epsilon * 10)
        assert audit_totals(ledger) == []
        assert verify(ledger).ok
        process.stdin.close()
        process.stderr.close()
    assert len(committed) >= 2


def test_killed_between_reserve_and_commit_is_spent(tmp_path):
    path = tmp_path / "l.db"
    ledger = Ledger.open(path)
    registered(ledger)
    child = SPENDER.replace("steward.commit(held, claim, Cost())", "import os; os._exit(9)")
    done = subprocess.run([sys.executable, "-c", child, str(path), "me", "patients"], input="\n",
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 9, done.stderr
    balance = Registry(ledger).balance("patients")
    assert balance.reserved.epsilon == 0.1
    assert balance.left.epsilon == 2.9
    assert audit_totals(ledger) == []
