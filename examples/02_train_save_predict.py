"""Train one private model, save it, load it elsewhere, predict with it.

Run beside patients.csv and patients.toml. Writes model.safetensors.
"""

import privet as pv

data = pv.read("patients.csv", schema="patients.toml")
model = pv.LogisticRegression(protect=pv.Private(epsilon=1.0)).fit(data)
pv.save(model, "model.safetensors")

loaded = pv.load("model.safetensors")
print(loaded.guarantee_)
print("expected readmissions:", round(loaded.predict_proba(data)[:, 1].sum()))
