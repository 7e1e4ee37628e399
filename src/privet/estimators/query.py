"""`query`: SQL with a privacy budget, decided, reserved, run and recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from privet.claims import Cost, NullSteward, Request, Spending, spending
from privet.claims.guarantees import RELATIONS, Relation
from privet.data import Dataset
from privet.entropy import Stream, reproducible_stream, secret_stream
from privet.errors import InvalidInput, one_of

if TYPE_CHECKING:
    from privet.claims import Steward
    from privet.dp.query.result import Answer, Preview
    from privet.dp.query.run import Job


Statements = list[str] | tuple[str, ...]
Tables = Dataset | Mapping[str, Dataset]


class Settings(TypedDict, total=False):
    """The arguments of `query` that do not decide what it returns."""

    delta: float | None
    relation: Relation
    public: Mapping[str, Dataset] | None
    max_rows: int | None
    max_groups: int | None
    max_rows_per_group: int | None
    weight: str | None
    memory_limit: str | None
    insecure_seed: int | None
    steward: Steward | None
    purpose: str


@overload
def query(
    sql: str, data: Tables, *, epsilon: float, dry_run: Literal[False] = False,
    **settings: Unpack[Settings],
) -> Answer: ...


@overload
def query(
    sql: str, data: Tables, *, epsilon: float, dry_run: Literal[True],
    **settings: Unpack[Settings],
) -> Preview: ...


@overload
def query(
    sql: Statements, data: Tables, *, epsilon: float, dry_run: Literal[False] = False,
    **settings: Unpack[Settings],
) -> tuple[Answer, ...]: ...


@overload
def query(
    sql: Statements, data: Tables, *, epsilon: float, dry_run: Literal[True],
    **settings: Unpack[Settings],
) -> tuple[Preview, ...]: ...


def query(
    sql: str | Statements,
    data: Tables,
    *,
    epsilon: float,
    delta: float | None = None,
    relation: Relation = "zero-out",
    public: Mapping[str, Dataset] | None = None,
    max_rows: int | None = None,
    max_groups: int | None = None,
    max_rows_per_group: int | None = None,
    weight: str | None = None,
    dry_run: bool = False,
    memory_limit: str | None = None,
    insecure_seed: int | None = None,
    steward: Steward | None = None,
    purpose: str = "",
) -> Answer | Preview | tuple[Answer, ...] | tuple[Preview, ...]:
    """Answer SQL so that the answer is (epsilon, delta)-differentially private.

    SELECT of COUNT, COUNT(DISTINCT), SUM, AVG, VARIANCE, STDDEV, MIN, MAX, MEDIAN and QUANTILE_CONT
    with WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, JOIN, WITH and subqueries that keep the unit;
    see docs/guide/queries.md. Each number is followed by its error, a 95 % half-width.

    Args:
        sql: one statement; or several, which share the budget and one guarantee.
        data: a data set, which answers to any name after FROM; or several by name.
        epsilon: the budget of everything asked together, above 0; what exceeds 16 is not used.
        delta: chance that the bound fails, below 1 / units; 1 / units^1.1 if not given.
        relation: "zero-out" (the number of rows and units is public), "add-remove" (it is not,
            and delta must be given) or "replace-one" (twice the noise).
        public: tables by name that hold nobody's data.
        max_rows: most rows of one unit; the schema's `max_rows` if not given.
        max_groups, max_rows_per_group: most groups in which one unit counts, and most of its rows
            in each; they stand in for `max_rows` where given.
        weight: the column by whose value each row counts.
        dry_run: return `Preview`s instead: errors and guarantee, before anything is spent. Only
            the public numbers of rows and units are taken from the data.
        memory_limit: most memory of the engine, such as "2GB"; the rest goes to disk for a while.
        insecure_seed: makes noise reproducible, for tests and teaching.
        steward: who grants and records the use of these data. None for that of the ledger that is
            kept here, if it knows the data.
        purpose: why, for the steward.

    Returns:
        An `Answer`, or one for each of several statements.

    Raises:
        Refused: it cannot be answered privately, or policy or budget say no; nothing was spent.
        MissingBounds: the schema lacks bounds that the aggregates need.
        InvalidInput: the statement is not understood, or the settings contradict one another.
        DataError: the data cannot be read.

    Formal guarantees: everything in the answers satisfies `guarantee`, which is the same value in
    each, against everyone but the curator. Whether this function raises, what it spends, and the
    order of rows do not depend on cells, but for an engine that runs out of memory or disk.
    Running time is not covered.
    """
    from privet.dp.query.build import Options
    from privet.dp.query.engine import Engine
    from privet.dp.query.run import answered, job, plans_of, preview, reads_of
    from privet.dp.query.tables import catalogue

    one_of(RELATIONS, relation=relation, remedy='relation="zero-out"')
    texts = [sql] if isinstance(sql, str) else list(sql)
    if not texts:
        raise InvalidInput("there is no statement", remedy='["SELECT COUNT(*) FROM t"]')
    tables = catalogue(data, public)
    options = Options(relation=relation, max_rows=max_rows, max_groups=max_groups,
                      max_rows_per_group=max_rows_per_group, weight=weight)
    plans = plans_of(texts, tables, options)
    with Engine(tables, reads_of(plans), memory_limit=memory_limit) as engine, ExitStack() as stack:
        planned = job(plans, engine, epsilon=epsilon, delta=delta, relation=relation,
                      secret=insecure_seed is None)
        if dry_run:
            seen = preview(planned)
            return seen[0] if isinstance(sql, str) else seen
        arguments = {**vars(options), "epsilon": epsilon, "delta": delta,
                     "insecure_seed": insecure_seed}
        spends = _reserved(stack, planned, steward, purpose, arguments)
        for spend in spends:
            spend.touch()
        started = time.perf_counter()
        answers = answered(planned, engine, _stream(insecure_seed))
        cost = Cost(seconds=time.perf_counter() - started).coarse()
        receipts = [spend.commit(planned.guarantee, cost) for spend in spends]
    guarantee = replace(planned.guarantee, recorded=all(each.recorded for each in receipts))
    found = tuple(replace(answer, guarantee=guarantee, cost=cost) for answer in answers)
    return found[0] if isinstance(sql, str) else found


def _reserved(
    stack: ExitStack, planned: Job, steward: Steward | None, purpose: str,
    arguments: Mapping[str, Any],
) -> list[Spending]:
    """Reserve the budget of every private table; all of them, or none."""
    from privet.data.declared import declared
    from privet.dp.query.run import private_tables, reads_of
    from privet.estimators.stewardship import stewarded

    reads = reads_of(planned.plans)
    public = {t.name for plan in planned.plans for t in plan.rows.tables if t.public}
    admitted = []
    for table in private_tables(planned.plans):
        data, own = (table.data, steward) if steward is not None else stewarded(table.data)
        request = Request(
            action="query",
            data_set=data.name,
            guarantee=planned.guarantee,
            purpose=purpose,
            parameters={
                "statements": [plan.text for plan in planned.plans],
                # The unit's column counts persons, as in training: it is not one of those used.
                "columns": [name for name in reads[table.name.lower()] if name != table.unit],
                "protection": f"private eps={planned.guarantee.epsilon:g}",
                "arguments": {name: v for name, v in arguments.items() if v is not None},
                "schema": declared(data.schema),
                "public": sorted(public),
            },
        )
        admitted.append((own or NullSteward(), request))
    return [stack.enter_context(spending(own, request)) for own, request in admitted]


def _stream(seed: int | None) -> Stream:
    if seed is None:
        return secret_stream("private-query")
    return reproducible_stream(seed, "private-query")
