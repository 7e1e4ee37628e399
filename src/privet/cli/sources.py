"""From what the command line names to what the library takes: data, schema, protections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.errors import DataError, InvalidInput, MissingBounds, SchemaError

if TYPE_CHECKING:
    from privet.data import Dataset, Schema
    from privet.protect.base import Protection

DEMO = "demo:"
DEMOS = ("breast-cancer",)


@dataclass(frozen=True)
class Source:
    """Which rows a command is about, as the user wrote it."""

    data: str
    target: str | None = None
    schema_file: str | None = None
    table: str | None = None
    query: str | None = None


def load_schema(path: str) -> Schema:
    """Read a schema file.

    Raises:
        SchemaError: there is no such file, or it cannot be read or parsed.
    """
    from privet.data import Schema

    file = Path(path)
    if not file.is_file():
        raise SchemaError("there is no such schema file", value=path,
                          bound="a TOML file written by 'privet schema draft'",
                          remedy=f"privet schema draft DATA > {path}")
    try:
        return Schema.load(file)
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError("the schema file cannot be read", value=path,
                          bound="UTF-8 text that you may read", remedy=f"ls -l {path}") from error


def open_data(source: Source) -> Dataset:
    """Read the data set that the options describe.

    Raises:
        DataError: the file does not exist or cannot be read.
        SchemaError: the schema does not fit it.
    """
    from privet.data import read

    if source.data.startswith(DEMO):
        return _demo(source)
    schema = load_schema(source.schema_file) if source.schema_file else None
    if "://" not in source.data and not Path(source.data).exists():
        raise DataError("there is no such file", value=source.data,
                        bound="a CSV or Parquet file, a DuckDB file with --table, a database "
                        "address, or demo:breast-cancer",
                        remedy=f"ls {Path(source.data).parent}")
    try:
        return read(source.data, schema=schema, target=source.target, table=source.table,
                    query=source.query)
    except (PermissionError, IsADirectoryError) as error:
        raise DataError(f"the data cannot be read ({error.strerror})", value=source.data,
                        bound="a file that you may read", remedy=f"ls -l {source.data}") from error


def _demo(source: Source) -> Dataset:
    from privet.data import Schema, read

    name = source.data.removeprefix(DEMO)
    if name not in DEMOS:
        raise DataError("there is no such bundled data set", value=source.data,
                        bound="one of " + ", ".join(DEMO + known for known in DEMOS),
                        remedy=DEMO + DEMOS[0])
    schema = (load_schema(source.schema_file) if source.schema_file
              else Schema.load(Path(str(files("privet") / "demo" / "breast_cancer.toml"))))
    return read(_breast_cancer(), schema=schema, target=source.target, name=name)


def _breast_cancer() -> dict[str, Any]:
    """The columns of scikit-learn's copy, the diagnosis in words."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    columns: dict[str, Any] = {
        str(name): bunch.data[:, index] for index, name in enumerate(bunch.feature_names)
    }
    columns["diagnosis"] = bunch.target_names.astype(object)[bunch.target]
    return columns


def require_target(data: Dataset, source: Source) -> None:
    """Make sure that something is to be predicted.

    Raises:
        SchemaError: neither the option nor the schema names a target.
    """
    if data.schema.target is None:
        columns = [column.name for column in data.schema.columns.values() if column.is_used]
        raise SchemaError("no column is named that should be predicted", value=None,
                          bound="--target with one of: " + ", ".join(columns[:12])
                          + (", ..." if len(columns) > 12 else ""),
                          remedy=f"--target {columns[-1]}" if columns else None)


def require_public_bounds(
    data: Dataset, source: Source, protections: Sequence[Protection]
) -> None:
    """Refuse to train privately on a schema that was guessed from the data themselves.

    Raises:
        MissingBounds: there is no schema file, and something other than Plain is asked for.
    """
    private = [protection.name for protection in protections if protection.name != "plain"]
    if private and data.schema.bounds_from == "data" and source.schema_file is None:
        raise missing_bounds(source, f"{' and '.join(private)} needs bounds that do not come from "
                             "the data, and no schema file gives them")


def missing_bounds(source: Source, problem: str) -> MissingBounds:
    """The refusal with the three steps that lead out of it."""
    name = Path(source.data).name.split("?")[0].rsplit(".", 1)[0] or "data"
    schema = source.schema_file or f"{name}.toml"
    target = f" --target {source.target}" if source.target else ""
    draft = f"privet schema draft {source.data}{target} > {schema}\n         " \
        if source.schema_file is None else ""
    return MissingBounds(
        problem,
        value=source.schema_file,
        bound="a schema whose bounds come from knowledge of the field, or from "
        "'privet schema draft --private'",
        remedy=f"{draft}(edit the bounds in {schema}; take out bounds_from = \"data\")\n"
        f"         add --schema {schema} to this command, or use --protect plain",
    )


def protections(
    names: Sequence[str], epsilons: Sequence[float], delta: float | None
) -> list[Protection]:
    """Every protection named, the private one once per budget."""
    from privet.protect import Plain, Private

    built: list[Protection] = []
    for name in names:
        if name == "plain":
            built.append(Plain())
        elif name == "private":
            built += [Private(epsilon, delta) for epsilon in epsilons]
        else:
            raise InvalidInput("unknown protection", value=name, bound="plain, private")
    return built


def model_for_target(data: Dataset, model: str | None) -> str:
    """The model that was asked for, else the plainest one for this kind of target.

    Raises:
        InvalidInput: logistic regression is asked to predict a number, or linear classes.
    """
    target = data.schema.target
    classes = target is not None and target.is_classes
    if model is None:
        return "logistic" if classes else "linear"
    if model == ("linear" if classes else "logistic"):
        kind = "classes" if classes else "a number"
        raise InvalidInput(f"--model does not fit a target of {kind}", value=model,
                           bound="logistic, additive or mlp for classes; linear, additive or mlp "
                           "for a number",
                           remedy="--model logistic" if classes else "--model linear")
    return model
