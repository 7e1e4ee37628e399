"""A statistics office's table: counts and means by city under one budget, with error bars.

Needs no file. Writes table.csv and table.xlsx.
"""

from pathlib import Path

import numpy as np

import privet as pv

# A register of visits, several of one person; here they are made up, so that the truth is known.
rng = np.random.default_rng(0)
people, visits = 20_000, 60_000
person = rng.integers(0, people, visits)
city = np.array(["Lund", "Umea", "Visby"])[rng.choice(3, people, p=[0.6, 0.39, 0.01])][person]
rows = {
    "person": person,
    "city": city,
    "age": rng.integers(18, 95, people)[person],
    "cost": rng.gamma(2.0, 150.0, visits),
    "reason": rng.choice(["check-up", "vaccine", "injury", "a rare disease"], visits,
                         p=[0.5, 0.3, 0.1999, 0.0001]),  # declared nowhere: keys are found
}
schema = {
    "unit": {"column": "person", "max_rows": 5},  # protect persons, not visits
    "columns": {
        "city": {"kind": "category", "categories": ["Lund", "Umea", "Visby"]},
        "age": {"kind": "integer", "bounds": [18, 110]},
        "cost": {"kind": "number", "bounds": [0, 2000]},
    },
}  # fmt: skip
visits_data = pv.read(rows, schema=schema)
table = """
    SELECT city, COUNT(DISTINCT person) AS persons, AVG(cost) AS mean_cost
    FROM visits GROUP BY city ORDER BY persons DESC
"""
reasons = "SELECT reason, COUNT(*) AS visits FROM visits GROUP BY reason"

# First the errors, which need no row: is the budget enough?
for seen in pv.query([table, reasons], visits_data, epsilon=1.0, dry_run=True):
    print(seen, "\n")

# Then the answers, both under one guarantee.
by_city, by_reason = pv.query([table, reasons], visits_data, epsilon=1.0)
print(by_city, "\n")
print(by_reason)
Path("table.csv").write_text(by_city.to_csv(), encoding="utf-8")
Path("table.xlsx").write_bytes(by_city.to_xlsx())
for name in ("Lund", "Umea", "Visby"):
    truth = len(set(person[city == name]))
    print(f"{name}: in truth {truth} persons, mean cost {rows['cost'][city == name].mean():.1f}")
