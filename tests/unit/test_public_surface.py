"""The names of the package are what is documented, and cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import privet

PUBLIC = [
    "Classifier",
    "Dataset",
    "LinearRegression",
    "LocallyPrivate",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "Plain",
    "Private",
    "Regressor",
    "Ridge",
    "Schema",
    "__version__",
    "compare",
    "errors",
    "load",
    "local",
    "perturb",
    "query",
    "read",
    "save",
]
HEAVY = (
    "jax",
    "sklearn",
    "scipy",
    "duckdb",
    "pandas",
    "polars",
    "sqlglot",
    "pyarrow",
    "rich",
    "jinja2",
    "dp_accounting",
    "cryptography",
    "matplotlib",
)


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_public_names_are_listed():
    assert sorted(privet.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_documented(name):
    value = getattr(privet, name)
    assert name in dir(privet)
    assert value is getattr(privet, name)
    assert value.__doc__


def test_dir_shows_the_public_names_and_no_others():
    code = "import privet\nprint([n for n in dir(privet) if n[:2] != '__'])"
    assert python(code).strip() == repr([n for n in PUBLIC if n != "__version__"])
    used = code.replace("\n", "\nprivet.read, privet.compare, privet.errors\n", 1)
    assert python(used) == python(code), "and none more when they were used"


def test_version_is_the_installed_one():
    try:
        assert privet.__version__ == version("privet")
    except ModuleNotFoundError:
        pytest.skip("the package is on the path, not installed")


def test_version_stands_once_in_the_project_file():
    from pathlib import Path

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{privet.__version__}"\n' in text


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'Encrypt'"):
        _ = privet.Encrypt
    assert not hasattr(privet, "np")


def test_star_import_gives_exactly_the_public_names():
    code = "from privet import *\nprint(sorted(n for n in globals() if n[:1].isalpha()))"
    assert python(code).strip() == repr([n for n in PUBLIC if n != "__version__"])


def test_importing_loads_nothing_heavy():
    code = f"import privet, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert python(code).strip() == "[]"


def test_reading_errors_loads_nothing_heavy():
    code = f"import privet, sys; privet.errors; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert python(code).strip() == "[]"


def test_a_heavy_import_would_be_noticed():
    assert python("import scipy, sys; print('scipy' in sys.modules)").strip() == "True"
