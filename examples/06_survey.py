"""A survey whose answers are randomised on each phone, and what can be read from them.

Needs no file. Writes reports.csv and its description, reports.local.json.
"""

import numpy as np

import privet as pv

# What each phone would hold; here they are made up, so that the truth is known.
rng = np.random.default_rng(0)
people = 50_000
keyboard = rng.choice(["qwerty", "azerty", "qwertz", "dvorak", "other"], people,
                      p=[0.55, 0.2, 0.15, 0.02, 0.08])  # fmt: skip
answers = {
    "keyboard": keyboard,
    "autocorrect": rng.random(people) < np.where(keyboard == "dvorak", 0.2, 0.7),
    "words_a_day": rng.gamma(2.0, 400.0, people),
    "phone_number": np.arange(people),  # declared nowhere, so it is left out
}
schema = {
    "unit": "row",  # one phone, one answer
    "columns": {
        "keyboard": {"kind": "category",
                     "categories": ["qwerty", "azerty", "qwertz", "dvorak", "other"]},
        "autocorrect": {"kind": "boolean"},
        "words_a_day": {"kind": "number", "bounds": [0, 4000]},
    },
}  # fmt: skip

table = pv.perturb(pv.read(answers, schema=schema), epsilon=2.0)
pv.local.write(table, "reports.csv")  # this is all that leaves the phones
print(table.guarantee)
print(f"columns: {table.layout.reason}; left out: {', '.join(table.dropped)}")

# Whoever collects them has the two files and nothing else.
shares = pv.local.histogram("reports.csv", "keyboard")
for level, share, error in zip(shares.levels, shares.consistent, shares.errors, strict=True):
    truth = (keyboard == level).mean()
    print(f"{level:8} {share:6.3f} +- {error:.3f}   (in truth {truth:.3f})")
mean = pv.local.mean("reports.csv", "words_a_day")
print(f"words a day: {mean.mean:.0f} +- {mean.error:.0f}   "
      f"(in truth {np.clip(answers['words_a_day'], 0, 4000).mean():.0f})")
