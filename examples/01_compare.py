"""Compare training in the clear with differential privacy on one's own CSV.

Run beside patients.csv and patients.toml. Writes report.html.
"""

from pathlib import Path

import privet as pv
from privet.protect.choose import page

data = pv.read("patients.csv", schema="patients.toml")
comparison = pv.compare(
    data,
    model="logistic",
    protections=[pv.Plain(), pv.Private(epsilon=0.5), pv.Private(epsilon=3.0)],
    seeds=3,
)
print(comparison)
Path("report.html").write_text(page(comparison), encoding="utf-8")
