"""From what the command line names to what the library takes: data, schema, protections."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.cli import bundled
from privet.data.names import close_names, unknown_column
from privet.data.tomlfile import heading
from privet.errors import (
    DataError,
    InvalidInput,
    MissingBounds,
    SchemaError,
)

if TYPE_CHECKING:
    from privet.data import Dataset, Schema
    from privet.data.readers import Reader
    from privet.protect.base import Protection


@dataclass(frozen=True)
class Source:
    """Which rows a command is about, as the user wrote it."""

    data: str
    target: str | None = None
    schema_option: str | None = None
    table: str | None = None
    query: str | None = None

    @property
    def is_demo(self) -> bool:
        """True if the data come with the package."""
        return self.data.startswith(bundled.PREFIX)

    @property
    def is_address(self) -> bool:
        """True for a database's address, which may hold a password and is never printed."""
        return "://" in self.data

    @property
    def words(self) -> str:
        """The rows as one names them again on a command line; DATA for what may be secret."""
        # Behind an @ or ? of an address there may have been a password, or be one.
        secret = self.is_address and any(mark in self.data for mark in "@?")
        named = (("--table", self.table), ("--query", self.query))
        options = [f"{option} {shlex.quote(text)}" for option, text in named if text is not None]
        return " ".join(["DATA" if secret else shlex.quote(self.data), *options])

    @property
    def name(self) -> str | None:
        """What reports call the data; None leaves it to an address to name itself."""
        if self.is_demo:
            return self.data.removeprefix(bundled.PREFIX)
        return None if self.is_address else Path(self.data).stem

    def draft_line(self, file: str) -> str:
        """The line that drafts a schema for these rows."""
        target = f" --target {shlex.quote(self.target)}" if self.target else ""
        return f"privet schema draft {self.words}{target} > {shlex.quote(file)}"

    @property
    def schema_file(self) -> str | None:
        """The schema's file: the one given, else the one of the same name beside the data."""
        if self.schema_option is not None:
            return self.schema_option
        if self.is_demo:
            return str(bundled.SCHEMA)
        beside = Path(self.data).with_suffix(".toml")
        return str(beside) if not self.is_address and beside.is_file() else None


def load_schema(path: str, source: Source) -> Schema:
    """Read a schema file for these rows.

    Raises:
        SchemaError: there is no such file, or it cannot be read or parsed.
    """
    from privet.data import Schema

    file = Path(path)
    if not file.is_file():
        raise SchemaError("there is no such schema file", value=path,
                          bound="a TOML file written by 'privet schema draft'",
                          remedy=source.draft_line(path))
    return Schema.load(file)


def source_of(data: str) -> Any:
    """What `privet.data` reads for DATA: the columns of a bundled set, or the path or address.

    Raises:
        DataError: there is no such file or bundled set.
    """
    if data.startswith(bundled.PREFIX):
        return bundled.columns(data)
    if "://" not in data and not Path(data).exists():
        raise DataError("there is no such file", value=data,
                        bound="a CSV or Parquet file, a DuckDB file with --table, a database "
                        "address, or demo:breast-cancer",
                        remedy=f"ls {shlex.quote(str(Path(data).parent))}")
    return data


def open_rows(source: Source) -> Reader:
    """Open the rows that the options describe, whatever they mean.

    Raises:
        DataError: the file does not exist or cannot be read.
        InvalidInput: --table and --query do not fit it.
    """
    from privet.data.readers import open_source

    try:
        return open_source(source_of(source.data), query=source.query, table=source.table)
    except (PermissionError, IsADirectoryError) as error:
        raise DataError(f"the data cannot be read ({error.strerror})", value=source.data,
                        bound="a file that you may read",
                        remedy=f"ls -l {shlex.quote(source.data)}") from error


def open_data(source: Source, *, schema: Schema | None = None) -> Dataset:
    """Read the data set that the options describe.

    Args:
        source: what the user wrote.
        schema: what the columns mean, whatever a file beside the data says.

    Raises:
        DataError: the file does not exist or cannot be read.
        SchemaError: the schema does not fit it.
    """
    from privet.data import read

    rows = open_rows(source)
    if schema is not None:
        _require_read(schema, rows, source)
    elif source.schema_file is not None:
        schema = load_schema(source.schema_file, source)
        _require_declared(schema, rows, source)
    if schema is None:
        require_known_target(source, rows.columns, where=f"{source.name or rows.describe} has")
    else:
        require_known_target(source, schema.columns, where="the schema has")
    return read(rows, schema=schema, target=source.target, name=source.name)


def require_known_target(source: Source, known: Iterable[str], *, where: str) -> None:
    """Refuse a --target that names none of these columns.

    Raises:
        UnknownColumn: with the option for the one that was probably meant.
    """
    target, known = source.target, list(known)
    if target is not None and target not in known:
        near = close_names(target, known)
        remedy = shlex.quote(near[0]) if near else "COLUMN   # one of these"
        raise unknown_column(target, known, where=f"the target is missing: {where}",
                             remedy=f"--target {remedy}")


def _require_read(schema: Schema, rows: Reader, source: Source) -> None:
    """Refuse data that lack a column which a saved model reads.

    Raises:
        UnknownColumn: naming it, and what the data must have.
    """
    names = [column.name for column in schema.features]
    missing = [name for name in names if name not in rows.columns]
    if not missing:
        return
    wanted = ", ".join(f'"{name}"' for name in names)
    remedy = ",".join(names) + "   # the header, in any order, above the rows"
    if source.query is not None:
        remedy = "--query " + shlex.quote(f"SELECT {wanted} FROM ...")
    elif source.table is not None or source.is_address:
        remedy = "--query " + shlex.quote(f"SELECT {wanted} FROM {source.table or '...'}")
    raise unknown_column(missing[0], rows.columns, remedy=remedy,
                         where=f"{source.name or rows.describe}, which the model reads, has")


def _require_declared(schema: Schema, rows: Reader, source: Source) -> None:
    """Refuse a schema that declares a feature or a target which the data lack.

    Raises:
        UnknownColumn: naming it, and what to change in the schema's file.
    """
    target = [] if schema.target is None else [schema.target.name]
    for name in [*(column.name for column in schema.features), *target]:
        if name not in rows.columns:
            near = close_names(name, rows.columns)
            file, wrong = source.schema_file, heading(name)
            remedy = (f"{heading(near[0])}   # in {file}, instead of {wrong}" if near
                      else f"{file} without {wrong}, or data that have the column")
            raise unknown_column(name, rows.columns, remedy=remedy,
                                 where=f"{source.name or rows.describe} has")


def require_target(data: Dataset, source: Source) -> None:
    """Make sure that something is to be predicted.

    Raises:
        SchemaError: neither the option nor the schema names a target.
    """
    if data.schema.target is None:
        columns = [column.name for column in data.schema.columns.values() if column.is_used]
        raise SchemaError("no column is named that should be predicted",
                          bound="--target with one of: " + ", ".join(columns[:12])
                          + (", ..." if len(columns) > 12 else ""),
                          remedy=f"--target {columns[-1]}" if columns else None)


def require_schema(source: Source, protections: Sequence[Protection]) -> None:
    """Refuse, before anything is read, to train privately where no schema gives bounds.

    Raises:
        MissingBounds: there is no schema file, and something other than Plain is asked for.
        DataError: there is no such data.
    """
    private = [protection.name for protection in protections if protection.name != "plain"]
    if private and source.schema_file is None:
        source_of(source.data)
        raise missing_bounds(source, f"{private[0]} needs bounds that do not come from the data, "
                             "and no schema gives them")


def missing_bounds(source: Source, problem: str, lines: Sequence[str] = ()) -> MissingBounds:
    """The refusal, with the steps that lead out of it.

    Args:
        source: what the user wrote.
        problem: what is wrong.
        lines: what the schema lacks, ready to paste and fill in.
    """
    schema = source.schema_file or f"{source.name or 'data'}.toml"
    steps = [] if source.schema_file else [source.draft_line(schema)]
    steps += [f"add to {schema}: {line}" for line in lines] or [
              f"edit the bounds in {schema}, then write bounds_from = \"domain\" there"]
    steps += [f"run this again with --schema {shlex.quote(schema)}   (or with --protect plain)"]
    return MissingBounds(
        problem,
        bound="a schema with bounds known from the field, or found by "
        "'privet schema draft --private'",
        remedy="\n         ".join(steps),
    )


def require_ready(data: Dataset, source: Source, protections: Sequence[Protection]) -> None:
    """Refuse, before anything is trained, what the schema is not good enough for.

    Raises:
        MissingBounds: a bound is missing or was taken from the data, and something other than
            Plain is asked for.
    """
    from privet.data import Encoder

    private = [protection.name for protection in protections if protection.name != "plain"]
    if not private:
        return
    lines = Encoder(data.schema).missing_bounds
    if lines:
        raise missing_bounds(source, f"{private[0]} needs bounds that the schema lacks", lines)
    if data.schema.bounds_from == "data":
        raise missing_bounds(source, "the bounds of this schema were taken from the data, and "
                             f"{private[0]} would reveal them")


def protections(
    names: Sequence[str], epsilons: Sequence[float], delta: float | None
) -> list[Protection]:
    """Every protection named, the private one once per budget."""
    from privet.protect import LocallyPrivate, Plain, Private

    built: list[Protection] = []
    for name in names:
        if name == "plain":
            built.append(Plain())
        elif name == "private":
            built += [Private(epsilon, delta) for epsilon in epsilons]
        elif name == "local":
            built += [LocallyPrivate(epsilon) for epsilon in epsilons]
        else:
            raise InvalidInput("unknown protection", value=name, bound="plain, private, local")
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
