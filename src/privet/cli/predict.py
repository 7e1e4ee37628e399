"""`privet predict`: a saved model's answers for new rows."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import click

from privet.cli.options import output_options, table_options
from privet.errors import DataError, InvalidInput

SHOWN = 20
"""Rows that a table for people shows."""


@click.command("predict", short_help="Predict with a saved model.")
@click.argument("model")
@click.argument("data")
@table_options
@click.option("--proba", is_flag=True,
              help="Also give the probability of every class, for models of classes.")
@click.option("--out", metavar="FILE",
              help="The CSV file to write. It is replaced if it exists. Default: a table on a "
              "terminal, CSV elsewhere.")
@output_options
def command(
    model: str, data: str, table: str | None, query: str | None, proba: bool, out: str | None,
    as_json: bool,
) -> None:
    """Predict with the saved MODEL for the rows of DATA, one line per row and in their order.

    MODEL is a file that 'privet train' wrote. The schema in it says how the columns are read.
    The column to predict may be absent. DATA is a CSV or Parquet file, or a database with
    --table or --query.

    \b
    Examples:
      privet predict model.safetensors new-patients.csv
      privet predict model.safetensors new-patients.csv --proba --out predictions.csv
    """
    from privet.cli.console import print_json
    from privet.cli.files import writable, write_text
    from privet.cli.sources import Source

    file = None if out is None else writable(out)
    columns = _answers(model, Source(data, table=table, query=query), proba)
    if file is not None:
        write_text(file, _csv(columns))
        click.echo(f"Predictions: {file}", err=True)
    if as_json:
        print_json(columns)
    elif file is None and sys.stdout.isatty():
        _print(columns)
    elif file is None:
        click.echo(_csv(columns), nl=False)


def _answers(model: str, source: Any, proba: bool) -> dict[str, list[Any]]:
    """The columns of the answer, by name."""
    from privet.cli.sources import open_data
    from privet.estimators import load

    if not Path(model).is_file():
        raise InvalidInput("there is no such model", value=model,
                           bound="a file written by 'privet train'",
                           remedy=f"privet train DATA --target COLUMN --out {model}")
    estimator = load(model)
    if proba and not hasattr(estimator, "predict_proba"):
        raise InvalidInput("this model predicts a number, which has no probabilities",
                           value="--proba", bound="a model of classes", remedy="leave out --proba")
    if estimator.schema_ is None:
        raise InvalidInput("this model was trained on bare arrays and knows no columns",
                           value=model, bound="a model trained with a schema",
                           remedy="pv.load(model).predict(X)   # in Python")
    data = open_data(source, schema=estimator.schema_)
    columns = {"prediction": estimator.predict(data).tolist()}
    if not columns["prediction"]:
        shown = data.name if source.is_address else source.data
        raise DataError("the data hold no rows to predict for", value=shown,
                        bound="at least one row",
                        remedy="a file with a line for each row below its header")
    if proba:
        for name, chances in zip(estimator.classes_, estimator.predict_proba(data).T, strict=True):
            columns[f"probability of {name}"] = chances.tolist()
    return columns


def _csv(columns: dict[str, list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _print(columns: dict[str, list[Any]]) -> None:
    from privet.cli.console import Heading, print_table, say

    total = len(columns["prediction"])
    rows = list(zip(*columns.values(), strict=True))[:SHOWN]
    headings = [Heading("row", right=True),
                *(Heading(name, right=i > 0, rank=i) for i, name in enumerate(columns))]
    print_table("", headings,
                [[str(number), *map(_cell, row)] for number, row in enumerate(rows, start=1)])
    if total > SHOWN:
        say(f"The first {SHOWN} of {total} rows. --out FILE writes all of them.")


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
