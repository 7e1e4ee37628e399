"""Writes patients.csv: 1,500 invented patients, for the README and the guides.

Nobody in it exists. The chance of readmission rises with age, blood pressure and smoking, and
differs between wards; a tenth of the cholesterol values are missing. Run again, it writes the
same bytes.

    python examples/make_patients.py
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

FIRST = ("Ada", "Bo", "Chidi", "Dana", "Emil", "Fatima", "Goro", "Hana", "Ivo", "Jun", "Kofi")
LAST = ("Almeida", "Berg", "Cohen", "Diaz", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito")
WARDS = ("surgery", "internal", "cardiology", "orthopaedics")
WARD_EFFECT = {"surgery": 0.2, "internal": 0.5, "cardiology": 1.0, "orthopaedics": -1.0}
COLUMNS = (
    "name",
    "born",
    "age",
    "sex",
    "ward",
    "systolic",
    "cholesterol",
    "smoker",
    "stay_days",
    "readmitted",
)


def patient(draw: random.Random) -> dict[str, object]:
    """One invented row."""
    age = min(100, max(18, round(draw.gauss(58, 18))))
    smoker = draw.random() < 0.25
    ward = draw.choice(WARDS)
    systolic = round(min(220, max(85, draw.gauss(105 + 0.5 * age, 16))))
    cholesterol = round(min(420, max(100, draw.gauss(185 + 0.4 * age, 35))))
    stay = 1 + round(min(60.0, draw.expovariate(1 / (2 + age / 20))))
    score = (
        -1.2
        + 0.06 * (age - 58)
        + 0.035 * (systolic - 134)
        + 0.008 * (cholesterol - 208)
        + 1.4 * smoker
        + 0.08 * stay
        + WARD_EFFECT[ward]
    )
    back = draw.random() < 1 / (1 + math.exp(-score))
    return {
        "name": f"{draw.choice(FIRST)} {draw.choice(LAST)}",
        "born": f"{2026 - age}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
        "age": age,
        "sex": draw.choice(("female", "male")),
        "ward": ward,
        "systolic": systolic,
        "cholesterol": "" if draw.random() < 0.1 else cholesterol,
        "smoker": "yes" if smoker else "no",
        "stay_days": stay,
        "readmitted": "yes" if back else "no",
    }


def main() -> None:
    """Write the file beside this script."""
    draw = random.Random(20261)
    path = Path(__file__).with_name("patients.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(patient(draw) for _ in range(1500))


if __name__ == "__main__":
    main()
