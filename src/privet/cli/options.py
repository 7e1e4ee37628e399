"""Options that several commands share, and the reading of comma-separated ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from privet.errors import InvalidBudget, InvalidInput, fraction, one_of, positive

Command = TypeVar("Command", bound=Callable[..., Any])

PROTECTIONS = ("plain", "private")
"""The protections that are compared unless others are asked for."""
KNOWN = (*PROTECTIONS, "local")
"""The protections that are built, as `--protect` takes them."""
MODELS = ("logistic", "linear", "additive", "mlp")

traceback_option = click.option(
    "--traceback", is_flag=True, expose_value=False,
    help="Show Python's traceback when something fails. It may hold values of your data.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON to standard output, for machines."
)


def output_options(command: Command) -> Command:
    """Add `--json` and `--traceback`."""
    return json_option(traceback_option(command))


def data_options(command: Command) -> Command:
    """Add what says which rows are read: DATA, --target, --schema, --table, --query."""
    for option in reversed((
        click.argument("data"),
        click.option("--target", metavar="COLUMN",
                     help="The column to predict. Default: the target that the schema names."),
        click.option("--schema", "schema_file", metavar="FILE",
                     help="TOML file with the bounds, categories and target of the columns. "
                     "'privet schema draft DATA' writes a first one. Default: the file with "
                     "DATA's name and the ending .toml, if there is one."),
        table_options,
    )):
        command = option(command)
    return command


def table_options(command: Command) -> Command:
    """Add what says which rows of a database are read: --table, --query."""
    query = click.option("--query", metavar="SQL",
                         help="The query whose rows are read, if DATA is a database.")
    table = click.option("--table", metavar="NAME",
                         help="The table to read, if DATA is a database.")
    return table(query(command))


def delta_option(command: Command) -> Command:
    """Add `--delta`."""
    return click.option(
        "--delta", default=None, metavar="NUMBER",
        help="The probability with which the guarantee may fail, below 1 / rows, or 1 / people "
        "where the schema says whose rows belong together. Default: 1 / rows^1.1.",
    )(command)


def purpose_option(command: Command) -> Command:
    """Add `--purpose`."""
    return click.option(
        "--purpose", default="", metavar="TEXT",
        help="Why, for the ledger that keeps these data, if one does. Its policy may ask for it.",
    )(command)


def model_option(command: Command) -> Command:
    """Add `--model`."""
    return click.option(
        "--model", type=click.Choice(MODELS), default=None,
        help="The model: logistic for classes, linear for a number; additive (bins of each "
        "column) or mlp (a small neural network) for either. Default: logistic or linear, as "
        "the target is.",
    )(command)


def training_options(command: Command) -> Command:
    """Add what says how one model is trained: --protect, --epsilon, --delta, --model, --purpose."""
    for option in (
        purpose_option,
        model_option,
        delta_option,
        click.option("--epsilon", default="1", show_default=True, metavar="NUMBER",
                     help="The privacy budget of private or local. Smaller is more private; 1 is a "
                     "common choice."),
        click.option("--protect", default="private", show_default=True, metavar="NAME",
                     help="The protection: private trains under differential privacy, local from "
                     "records that were randomised one by one, plain in the clear."),
    ):
        command = option(command)
    return command


def names(text: str) -> list[str]:
    """Read protections from "plain,private".

    Raises:
        InvalidInput: a name that is not built, or none at all, or none beside a comma.
    """
    found = [part.strip().lower() for part in text.split(",")]
    if not all(found):
        raise InvalidInput("--protect names no protection" + _between(found), value=text,
                           bound=f"some of {', '.join(KNOWN)}",
                           remedy=f"--protect {','.join(filter(None, found)) or 'plain,private'}")
    for name in found:
        one_of(KNOWN, protection=name, remedy=f"--protect {','.join(PROTECTIONS)}")
    return list(dict.fromkeys(found))


def epsilons(text: str) -> list[float]:
    """Read privacy budgets from "0.5,1,3".

    Raises:
        InvalidBudget: one of them is no finite number above 0, or is missing beside a comma.
    """
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise InvalidBudget("--epsilon names no budget" + _between(found), value=text,
                            bound="numbers with 0 < epsilon < inf, one comma between two",
                            remedy=f"--epsilon {','.join(filter(None, found)) or '0.5,1,3'}")
    return list(dict.fromkeys(map(budget, found)))


def _between(parts: list[str]) -> str:
    """Where the nothing stands."""
    return " beside one of its commas" if any(parts) else ""


def budget(text: str, remedy: str = "--epsilon 1") -> float:
    """Read one privacy budget; the remedy begins with the option that takes it.

    Raises:
        InvalidBudget: it is no finite number above 0.
    """
    return positive(epsilon=_number(text, remedy.split()[0], remedy), remedy=remedy)


def chance(text: str | None) -> float | None:
    """Read a delta; None leaves it to the default.

    Raises:
        InvalidBudget: it is no number strictly between 0 and 1.
    """
    if text is None:
        return None
    return fraction(delta=_number(text, "--delta", "--delta 1e-6"), remedy="--delta 1e-6")


def _number(text: str, option: str, remedy: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidBudget(f"{option} is not a number", value=text, bound="a finite number",
                            remedy=remedy) from None


def given(name: str) -> bool:
    """True if the user wrote this option (or it came from the environment)."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not click.core.ParameterSource.DEFAULT
