"""`privet train`: one model under one protection, saved with its guarantee."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from privet.cli.asking import watched
from privet.cli.ledgers import data_ledger_option
from privet.cli.options import (
    KNOWN,
    budget,
    chance,
    data_options,
    given,
    output_options,
    training_options,
)
from privet.errors import InvalidInput, one_of


@click.command("train", short_help="Train one model and save it.")
@data_options
@training_options
@click.option("--out", required=True, metavar="MODEL",
              help="The file to write, for example model.safetensors. It is replaced if it "
              "exists.")
@data_ledger_option
@output_options
def command(
    data: str, target: str | None, schema_file: str | None, table: str | None, query: str | None,
    protect: str, epsilon: str, delta: str | None, model: str | None, purpose: str, out: str,
    as_json: bool,
) -> None:
    """Train one model under one protection, and save it with what it guarantees.

    DATA is a CSV or Parquet file, demo:breast-cancer, or a database with --table or --query: a
    DuckDB file, or an address such as postgresql://HOST/NAME.

    The file that is written holds the parameters, the schema, the guarantee and the cost, and
    no row of the data. Every run with --protect private spends its epsilon anew.

    \b
    Example:
      privet train patients.csv --schema patients.toml --epsilon 1 --out model.safetensors
    """
    from privet.cli.console import watching
    from privet.cli.files import writable
    from privet.cli.sources import Source

    one_of(KNOWN, protection=protect, remedy="--protect private")
    if given("delta") and protect == "local":
        raise InvalidInput("--delta means nothing under local", value=delta,
                           bound="--protect private", remedy="--protect local --epsilon 1")
    if given("epsilon") and protect == "plain":
        raise InvalidInput("--epsilon means nothing under plain", value=epsilon,
                           bound="--protect private", remedy="--protect private --epsilon 1")
    source = Source(data, target, schema_file, table, query)
    file = writable(out, reads=(data, source.schema_file))
    rows, estimator = prepared(source, protect, budget(epsilon), chance(delta), model)
    rows, steward = watched(rows)
    with watching(quiet=as_json) as watch:
        estimator.fit(rows, watch=watch, purpose=purpose, **steward)
    from privet.estimators import save

    save(estimator, file)
    _report(estimator, file, as_json=as_json)


def prepared(
    source: Any, protect: str, epsilon: float, delta: float | None, model: str | None
) -> tuple[Any, Any]:
    """The data and the estimator that will be fitted to them.

    Raises:
        PrivetError: text and schema show that this cannot work.
    """
    from privet.cli.sources import (
        model_for_target,
        open_data,
        protections,
        require_ready,
        require_schema,
        require_target,
    )

    protected = protections([protect], [epsilon], delta)
    require_schema(source, protected)
    data = open_data(source)
    require_target(data, source)
    require_ready(data, source, protected)
    name = model_for_target(data, model)
    from privet.estimators import Classifier, Regressor

    target = data.schema.target
    kind = Classifier if target is not None and target.is_classes else Regressor
    return data, kind(model=name, protect=protected[0])


def _report(estimator: Any, file: Path, *, as_json: bool) -> None:
    from privet.claims import to_json
    from privet.cli.console import print_json, say

    if as_json:
        print_json({"model": str(file), "guarantee": to_json(estimator.guarantee_),
                    "cost": to_json(estimator.cost_)})
        return
    say(f"Model: {file}")
    say(f"Guarantee: {estimator.guarantee_}")
    say(f"Cost: {estimator.cost_}")
