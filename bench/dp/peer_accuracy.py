"""diffprivlib's logistic regression on the rows of an .npz file; run in diffprivlib's environment.

`python peer_accuracy.py ROWS.npz EPSILON` prints {"accuracy": ..., "version": ...}.
"""

import json
import sys
import warnings
from importlib.metadata import version

import numpy as np

warnings.filterwarnings("ignore")


def unit(x):
    """Rows of length 1: the tightest bound on the norm that is honest."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def main(path, epsilon):
    from diffprivlib.models import LogisticRegression

    rows = np.load(path)
    found = []
    for seed in range(int(rows["seeds"])):
        x, y, test, test_y = (rows[f"{part}{seed}"] for part in ("x", "y", "test", "test_y"))
        model = LogisticRegression(
            epsilon=epsilon, data_norm=1.0, max_iter=2000, random_state=seed
        ).fit(unit(x), y)
        found.append(float((model.predict(unit(test)) == test_y).mean()))
    print(json.dumps({"accuracy": float(np.mean(found)), "version": version("diffprivlib")}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
