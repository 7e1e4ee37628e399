"""The way of a query, one stage after the other.

=============  =========================================================  ==================
stage          what it does                                               reads rows
=============  =========================================================  ==================
`build`        text and schema to a `Plan`; everything is refused here    no
`charged`      a budget to noise and events                               no
`rewritten`    the plan to one statement that bounds each unit's part     no
`Engine.run`   the statement to exact whole numbers                       yes
`noised`       exact numbers to noisy ones, thresholds                    the exact numbers
`answered`     noisy numbers to answers and errors; HAVING, ORDER, LIMIT  no
=============  =========================================================  ==================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privet.claims import Cost, DPGuarantee, Sight
from privet.claims.guarantees import Relation
from privet.dp import accounting
from privet.dp.query.answers import Quantile
from privet.dp.query.build import Options, build
from privet.dp.query.columns import Named
from privet.dp.query.engine import Engine
from privet.dp.query.groups import Noised, exact_groups, expected, noised, with_totals
from privet.dp.query.noise import Charge, Noise, charged
from privet.dp.query.plan import ERROR, Plan
from privet.dp.query.result import Answer, Foreseen, Preview
from privet.dp.query.rewrite import rewritten
from privet.dp.query.tables import Table
from privet.entropy import Stream
from privet.errors import InvalidInput, Refused, fraction, positive

_USUAL = 1000


@dataclass(frozen=True, eq=False)
class Job:
    """Statements that share one budget, planned, with what they will guarantee.

    Attributes:
        plans, sqls: of each statement.
        charge: their noise.
        guarantee: of all answers together.
        rows: how many rows the first private table has; None where that is secret.
    """

    plans: tuple[Plan, ...]
    sqls: tuple[str, ...]
    charge: Charge
    guarantee: DPGuarantee
    rows: int | None


def plans_of(
    texts: Sequence[str], tables: Mapping[str, Table], options: Options
) -> tuple[Plan, ...]:
    """The plans of statements over the same unit.

    Raises:
        Refused, InvalidInput: what a statement asks cannot be answered, or is not understood.
    """
    plans = tuple(build(text, tables, options) for text in texts)
    units = dict.fromkeys(plan.rows.unit_name for plan in plans)
    if len(units) > 1:
        raise Refused("statements with different privacy units share no budget",
                      value=list(units), bound="one unit", remedy="one run for each unit")
    return plans


def reads_of(plans: Sequence[Plan]) -> dict[str, list[str]]:
    """The columns that all plans together need, of each table."""
    found: dict[str, dict[str, None]] = {}
    for plan in plans:
        for name, columns in plan.reads.items():
            found.setdefault(name, {}).update(dict.fromkeys(columns))
    return {name: list(columns) for name, columns in found.items()}


def job(
    plans: Sequence[Plan],
    engine: Engine,
    *,
    epsilon: float,
    delta: float | None,
    relation: Relation,
    secret: bool,
) -> Job:
    """Fit the noise of all statements into one budget.

    Raises:
        InvalidBudget: epsilon or delta cannot be guaranteed.
        InvalidInput: under add-remove no delta is given, and the number of units is secret.
    """
    positive(epsilon=epsilon, remedy="epsilon=1.0")
    rows, units = _sizes(plans, engine) if relation != "add-remove" else (None, None)
    before = _before(plans, relation)
    if delta is None:
        if units is None:
            raise InvalidInput("under add-remove the number of units is secret, so that delta "
                               "cannot come from it", bound="delta below 1 over the units",
                               remedy="delta=1e-6")
        delta = accounting.default_delta(units)
        delta -= 0.0 if before is None else before.delta
    fraction(delta=delta, remedy="delta=1e-6")
    if units is not None:
        spent = 0.0 if before is None else before.delta
        accounting.check_budget(epsilon, delta + spent, units)
    charge = charged(plans, epsilon=epsilon, delta=delta, relation=relation)
    guarantee = _guarantee(plans, charge, relation, secret=secret)
    return Job(tuple(plans), tuple(map(rewritten, plans)), charge, guarantee, rows)


def private_tables(plans: Sequence[Plan]) -> list[Table]:
    """The private tables that plans read, each once."""
    tables = (table for plan in plans for table in plan.rows.tables if not table.public)
    return list({id(table): table for table in tables}.values())


def _sizes(plans: Sequence[Plan], engine: Engine) -> tuple[int, int]:
    """Rows of the first table, and the most units that any table has: public under zero-out."""
    sizes = [engine.sizes(table.name.lower()) for table in private_tables(plans)]
    return sizes[0][0], max(max(units for _, units in sizes), 1)


def _before(plans: Sequence[Plan], relation: Relation) -> Any:
    """What finding bounds privately has spent on these rows; None if nothing."""
    unit = plans[0].rows.unit_name
    claims = [table.data.schema.bounds_claim for table in private_tables(plans)]
    found = [claim for claim in claims if claim is not None]
    if len(found) > 1:
        raise Refused("the bounds of several tables were found privately, and their claims do not "
                      "add up here", bound="bounds of one table found so",
                      remedy='bounds known from the field, with bounds_from = "domain"')
    if found and (found[0].unit, found[0].relation) != (unit, relation):
        raise Refused(
            "the bounds were found under another unit or relation, so the claims do not add up",
            value=f"{found[0].unit}, {found[0].relation}", bound=f"{unit}, {relation}",
            remedy='bounds known from the field, with bounds_from = "domain"',
        )
    return found[0] if found else None


def _guarantee(
    plans: Sequence[Plan], charge: Charge, relation: Relation, *, secret: bool
) -> DPGuarantee:
    before = _before(plans, relation)
    epsilon, delta, split = charge.epsilon, charge.delta, charge.delta_split
    events = charge.events
    if before is not None:
        # The same rows paid for the bounds: sequential composition (Dwork & Roth 2014, 3.16).
        epsilon, delta = epsilon + before.epsilon, delta + before.delta
        split, events = {**split, "bounds": before.delta}, (*before.releases, *events)
    origins = {table.data.schema.bounds_from for table in private_tables(plans)}
    return DPGuarantee(
        epsilon=epsilon, delta=delta, unit=plans[0].rows.unit_name, relation=relation,
        accountant=accounting.accountant_name(), events=events, delta_split=split,
        secret_noise=secret, sights=_SIGHTS, assumptions=_assumptions(plans, relation),
        provenance=tuple(f"bounds and categories from {origin}" for origin in sorted(origins)),
        checks=(
            "from privet.dp.accounting import epsilon_for; from privet.claims import Gaussian; "
            f"epsilon_for([{', '.join(map(repr, charge.events))}], "
            f"{split.get(accounting.MECHANISM, 0.0)!r}, {relation!r})",
            "the rewritten SQL, which bounds each unit's part, is shown by --explain",
        ),
    )


_SIGHTS = (
    Sight("curator", "all rows in the clear, on its own machine", protected=False),
    Sight("whoever gets the answers", "sums and counts with calibrated noise", protected=True),
)


def _assumptions(plans: Sequence[Plan], relation: Relation) -> tuple[str, ...]:
    lines = [
        "the curator who runs the query is trusted and keeps the rows to itself",
        "bounds and categories of the schema, and the query itself, were not taken from these rows",
        "how long the run takes is not observed",
    ]
    if relation == "zero-out":
        lines.append("the number of rows and of privacy units is public: a unit that is replaced "
                     "by nothing still counts there, and nowhere else")
    unit = plans[0].rows.unit_name
    caps = dict.fromkeys(_caps_words(plan) for plan in plans if not plan.exact)
    if unit == "row":
        lines.append("one person contributes one row")
    else:
        lines.append(f"all rows of one person carry one value of {unit!r}")
        lines += [f"of each unit, {words} are used" for words in caps]
    if any(table.public for plan in plans for table in plan.rows.tables):
        lines.append("the tables given as public hold nobody's data")
    return tuple(lines)


def _caps_words(plan: Plan) -> str:
    caps = plan.caps
    if caps.groups is None:
        return f"at most {caps.rows} rows"
    return f"at most {caps.per_group} rows in each of at most {caps.groups} groups"


def preview(job: Job) -> tuple[Preview, ...]:
    """The errors of every answer in a group of usual size; nothing is read but public sizes."""
    return tuple(
        _preview(job, plan, noise, sql)
        for plan, noise, sql in zip(job.plans, job.charge.noises, job.sqls, strict=True)
    )


def _preview(job: Job, plan: Plan, noise: Noise, sql: str) -> Preview:
    size = _USUAL
    if job.rows is not None and plan.known is not None:
        size = max(job.rows // max(plan.known, 1), 1)
    here, there = expected(plan, noise, size), expected(plan, noise, 10 * size)
    columns = []
    for column in _named(plan):
        error = column.at(here).error
        if error is not None:
            same = error == column.at(there).error
            columns.append(Foreseen(column.name, error, None if same else size))
    return Preview(tuple(columns), job.guarantee, plan.text, sql, plan.known, noise.threshold,
                   _notes(plan, noise))


def _named(plan: Plan) -> tuple[Named, ...]:
    return plan.outputs  # type: ignore[return-value]  # outputs of a plan are named


def _notes(plan: Plan, noise: Noise) -> tuple[str, ...]:
    notes = []
    if plan.exact:
        notes.append("the number of rows is public under zero-out: exact, and free of charge")
    if plan.caps.selects:
        notes.append(f"of each unit, {_caps_words(plan)} count; what that leaves out is not in the "
                     "errors")
    notes += _extremes(plan, noise)
    if noise.threshold is not None:
        notes.append(f"groups with fewer than about {noise.threshold:.0f} units are left out; of "
                     "delta, a part goes to this threshold")
    return tuple(notes)


def _extremes(plan: Plan, noise: Noise) -> list[str]:
    """What MIN and MAX stand for, with the number of rows that they stop short by."""
    here = expected(plan, noise, _USUAL)
    return [
        f"{column.name}: about {here.tree(column.output.measure).rank_error:.0f} rows of a group "
        "lie beyond, and its error reaches to the schema's bound"
        for column in _named(plan)
        if isinstance(column.output, Quantile) and column.output.share in (0.0, 1.0)
    ]


def answered(job: Job, engine: Engine, stream: Stream) -> tuple[Answer, ...]:
    """Run every statement, make its sums noisy, and work out the answers.

    Raises:
        DataError: the engine gave up, of memory or disk.
    """
    found = []
    for plan, noise, sql in zip(job.plans, job.charge.noises, job.sqls, strict=True):
        key = int(stream.words(1)[0])
        exact = exact_groups(plan, engine.run(sql, key))
        groups = with_totals(plan, noised(plan, noise, exact, stream))
        found.append(_answer(plan, groups, job.guarantee, sql, _notes(plan, noise)))
    return tuple(found)


def _answer(
    plan: Plan, groups: Sequence[Noised], guarantee: DPGuarantee, sql: str, notes: tuple[str, ...]
) -> Answer:
    kept = [g for g in groups if plan.having is None or plan.having.at(g).value]
    for order in reversed(plan.order):
        values = [(g, order.output.at(g).value) for g in kept]
        present = sorted((pair for pair in values if pair[1] is not None),
                         key=lambda pair: (isinstance(pair[1], str), pair[1]),
                         reverse=order.descending)
        absent = [pair for pair in values if pair[1] is None]
        both = present + absent if order.nulls_last else absent + present
        kept = [group for group, _ in both]
    kept = kept if plan.limit is None else kept[: plan.limit]
    columns: list[str] = []
    for column in _named(plan):
        columns += [column.name] if column.is_key else [column.name, column.name + ERROR]
    rows = tuple(tuple(_cells(plan, group)) for group in kept)
    return Answer(tuple(columns), rows, guarantee, Cost(), plan.text, sql, notes)


def _cells(plan: Plan, group: Noised) -> list[Any]:
    cells: list[Any] = []
    for column in _named(plan):
        figure = column.at(group)
        cells += [figure.value] if column.is_key else [figure.value, figure.error]
    return cells


