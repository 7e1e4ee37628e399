"""`privet predict`: a saved model's answers for new rows."""

from __future__ import annotations

import csv
import hashlib
import io
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import click

from privet.cli.ledgers import data_ledger_option
from privet.cli.options import output_options, purpose_option, table_options
from privet.errors import DataError, InvalidInput, SchemaError, UndeclaredMissing, UnknownCategory

if TYPE_CHECKING:
    from privet.cli.sources import Source
    from privet.data import Dataset
    from privet.govern.steward import LedgerSteward

SHOWN = 20
"""Rows that a table for people shows."""

Answers = dict[str, list[Any]]
"""Columns of the answer for one batch of rows, by name."""


@click.command("predict", short_help="Predict with a saved model.")
@click.argument("model")
@click.argument("data")
@table_options
@click.option("--proba", is_flag=True,
              help="Also give the probability of every class, for models of classes.")
@click.option("--out", metavar="FILE",
              help="The CSV file to write. It is replaced if it exists. Default: a table on a "
              "terminal, CSV elsewhere.")
@purpose_option
@data_ledger_option
@output_options
def command(
    model: str, data: str, table: str | None, query: str | None, proba: bool, out: str | None,
    purpose: str, as_json: bool,
) -> None:
    """Predict with the saved MODEL for the rows of DATA, one line per row and in their order.

    MODEL is a file that 'privet train' wrote. The schema in it says how the columns are read.
    The column to predict may be absent. DATA is a CSV or Parquet file, or a database with
    --table or --query.

    Predictions for a registered data set take nothing from its budget: they are for whoever may
    see its rows. But its policy decides, and the ledger records them.

    \b
    Examples:
      privet predict model.safetensors new-patients.csv
      privet predict model.safetensors new-patients.csv --proba --out predictions.csv
    """
    from privet.cli.files import spooled, whole_text, writable
    from privet.cli.sources import Source

    file = None if out is None else writable(out, reads=(model, data))
    estimator = _loaded(model, proba)
    scored = _opened(model, estimator, Source(data, table=table, query=query))
    # Nothing is shown, and no file takes its place, before the last row has its answer.
    with _granted(scored, proba, purpose) as done, ExitStack() as stack:
        sinks: list[_Sink] = []
        if file is not None:
            sinks.append(_Csv(stack.enter_context(whole_text(file))))
        if as_json:
            sinks.append(_Json(stack))
        elif file is None and sys.stdout.isatty():
            sinks.append(_Table())
        elif file is None:
            sinks.append(_Csv(stack.enter_context(spooled()), echo=True))
        for batch in _answers(scored, proba):
            for sink in sinks:
                sink.add(batch)
        done()
        for sink in sinks:
            sink.show()
    if file is not None:
        click.echo(f"Predictions: {file}", err=True)


@dataclass(frozen=True)
class _Scored:
    """The rows to score, and with what.

    Attributes:
        model: the model's file.
        shown: the data as they may be named.
        keeper: of the ledger that knows the data under their name; None if none does.
    """

    model: str
    estimator: Any
    data: Dataset
    shown: str
    keeper: LedgerSteward | None


def _opened(model: str, estimator: Any, source: Source) -> _Scored:
    from privet.cli.sources import open_data
    from privet.estimators.stewardship import stewarded

    data = open_data(source, schema=estimator.schema_)
    shown = data.name if source.is_address else source.data
    known, keeper = stewarded(data)
    return _Scored(model, estimator, known, shown, keeper)


def _granted(
    scored: _Scored, proba: bool, purpose: str
) -> AbstractContextManager[Callable[[], object]]:
    """The leave to read the rows."""
    from privet.cli.reading import reading

    estimator, keeper = scored.estimator, scored.keeper
    asked = {
        "columns": [column.name for column in scored.data.schema.features],
        "model": estimator.result_.model.name,
        "model_file": hashlib.sha256(Path(scored.model).read_bytes()).hexdigest(),
        "model_claim": estimator.guarantee_.headline(),
        "probabilities": proba,
    }
    ledger, _, entry = estimator.result_.entry.rpartition("/")
    if keeper is not None and ledger == keeper.ledger.identity and entry.isdecimal():
        asked["model_entry"] = int(entry)  # by which a policy knows how old the model is
    return reading("predict", scored.data.name if keeper else None, keeper, purpose=purpose,
                   who="predictions are for whoever may see the rows, and are not released",
                   parameters=asked)


def _answers(scored: _Scored, proba: bool) -> Iterator[Answers]:
    """Score the rows in one scan: a query without ORDER BY sends them in another order again."""
    from privet.data import Dataset
    from privet.data.source import Frame

    estimator, data = scored.estimator, scored.data
    seen = False
    for columns in data.batches([column.name for column in data.schema.features]):
        rows = Dataset(Frame(columns), data.schema, data.name)
        try:
            found = {"prediction": estimator.predict(rows).tolist()}
        except (UndeclaredMissing, UnknownCategory) as error:
            raise _with_schema_in(scored.model, scored.shown, error) from None
        if proba:
            chances = estimator.predict_proba(rows).T
            for name, chance in zip(estimator.classes_, chances, strict=True):
                found[f"probability of {name}"] = chance.tolist()
        seen |= bool(found["prediction"])
        yield found
    if not seen:
        raise DataError("the data hold no rows to predict for", value=scored.shown,
                        bound="at least one row",
                        remedy="a file with a line for each row below its header")


def _with_schema_in(model: str, shown: str, error: SchemaError) -> SchemaError:
    """The error for whoever has the schema inside the model's file, where no line can be changed.

    Args:
        model: the model's file.
        shown: the data as they may be named.
        error: of a cell at odds with the schema; its remedy is a line of a schema.
    """
    line = (error.remedy or "").replace("   # ", ", ")
    return type(error)(
        error.problem, bound=error.bound,
        remedy=f"privet train DATA --schema FILE --out {shlex.quote(model)}   # the schema is in "
               f"the model: first write into FILE {line}; or mend the cells of {shown}",
    )


def _loaded(model: str, proba: bool) -> Any:
    """The estimator in a file that knows the columns it was trained on."""
    from privet.estimators import load

    if not Path(model).is_file():
        raise InvalidInput("there is no such model", value=model,
                           bound="a file written by 'privet train'",
                           remedy=f"privet train DATA --target COLUMN --out {shlex.quote(model)}")
    estimator = load(model)
    if proba and not hasattr(estimator, "predict_proba"):
        raise InvalidInput("this model predicts a number, which has no probabilities",
                           value="--proba", bound="a model of classes", remedy="leave out --proba")
    if estimator.schema_ is None:
        raise InvalidInput("this model was trained on bare arrays and knows no columns",
                           value=model, bound="a model trained with a schema",
                           remedy="privet train DATA --schema FILE --out MODEL")
    return estimator


class _Sink(Protocol):
    """Where answers go."""

    def add(self, batch: Answers) -> None:
        """Take the answers for a few more rows."""

    def show(self) -> None:
        """Show them all, now that they are complete."""


class _Csv:
    """Lines of CSV in an open file; `echo` copies them to standard output in the end."""

    def __init__(self, file: TextIO, *, echo: bool = False) -> None:
        self._file, self._echo, self._headed = file, echo, False

    def add(self, batch: Answers) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self._headed:
            writer.writerow(batch)
            self._headed = True
        writer.writerows(zip(*batch.values(), strict=True))
        self._file.write(text.getvalue())

    def show(self) -> None:
        if self._echo:
            _echo(self._file)


class _Json:
    """One JSON object with a list for each column, every list in a file of its own."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._lists: dict[str, TextIO] = {}

    def add(self, batch: Answers) -> None:
        from privet.cli.console import json_text
        from privet.cli.files import spooled

        for name, values in batch.items():
            between = ",\n" if name in self._lists and values else ""
            if name not in self._lists:
                self._lists[name] = self._stack.enter_context(spooled())
            lines = ",\n".join(f"    {json_text(value)}" for value in values)
            self._lists[name].write(between + lines)

    def show(self) -> None:
        from privet.cli.console import json_text

        between = "{\n"
        for name, file in self._lists.items():
            click.echo(f"{between}  {json_text(name)}: [")
            _echo(file)
            between = "\n  ],\n"
        click.echo("\n  ]\n}")


def _echo(file: TextIO) -> None:
    """Copy a file from its start to standard output."""
    file.seek(0)
    while piece := file.read(1 << 20):
        click.echo(piece, nl=False)


class _Table:
    """The first rows as a table for people, and how many there are in all."""

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []
        self._names: list[str] = []
        self._total = 0

    def add(self, batch: Answers) -> None:
        self._names = list(batch)
        self._total += len(batch["prediction"])
        wanted = SHOWN - len(self._rows)
        self._rows += list(zip(*(values[:wanted] for values in batch.values()), strict=True))

    def show(self) -> None:
        from privet.cli.console import Heading, print_table, say

        headings = [Heading("row", right=True),
                    *(Heading(name, right=i > 0, rank=i) for i, name in enumerate(self._names))]
        print_table("", headings, [[str(number), *map(_cell, row)]
                                   for number, row in enumerate(self._rows, start=1)])
        if self._total > SHOWN:
            say(f"The first {SHOWN} of {self._total} rows. --out FILE writes all of them.")


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
