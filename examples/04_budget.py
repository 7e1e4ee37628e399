"""Give data a budget, spend it, be refused, check the receipt, and write the model's card.

Run beside patients.csv and patients.toml. Writes card.html; the ledger lies in a temporary folder.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import privet as pv
from privet.errors import OutOfBudget
from privet.govern.ledger import Ledger, check
from privet.govern.report import report

with tempfile.TemporaryDirectory() as home:
    os.environ["PRIVET_HOME"] = home  # by default the ledger lies in the user's data folder
    # In a shell: privet dataset register patients patients.csv --budget 3 --delta 2e-5
    subprocess.run([sys.executable, "-m", "privet", "dataset", "register", "patients",
                    "patients.csv", "--budget", "3", "--delta", "2e-5"], check=True)  # fmt: skip

    data = pv.read("patients.csv", schema="patients.toml")
    protect = pv.Private(epsilon=1.5, delta=1e-5)
    for _ in range(2):
        print(pv.LogisticRegression(protect=protect).fit(data).guarantee_)
    try:
        pv.LogisticRegression(protect=protect).fit(data)
    except OutOfBudget as error:
        print("refused:", error)

    ledger = Ledger.open()
    *_, commit = ledger.entries(kind="run.commit")
    receipt = ledger.receipt(commit.seq)
    problems = check(receipt, ledger=ledger.identity, key=ledger.head().key)
    print("receipt of the second fit:", problems or "holds")
    Path("card.html").write_text(report(ledger, "card", model=commit.seq), encoding="utf-8")
    print("differential privacy of the model, with the entries behind it: card.html")
