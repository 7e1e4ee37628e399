"""From a plan to one statement for the engine: filter, bound each unit's part, add up.

The statement is a chain of named steps:

``base``    the rows of the query: whose each is, its keys, and its whole numbers.
``picked``  at most so many rows of each unit; or ``parts``, ``groups`` and ``picked``: at most so
            many groups of each unit, and so many rows of it in each of them.
the rest    sums and counts for each group.

Which rows of a unit are kept depends on these rows alone, through a hash under a key that is
drawn for each query: what one unit holds never changes what is kept of another. All sums are of
whole numbers, in HUGEINT; the engine may add them in any order.
"""

from __future__ import annotations

from collections.abc import Sequence

from privet.dp.query.expressions import Expr
from privet.dp.query.plan import UNLIMITED, Caps, Key, Measure, Plan, Rows

KEY = "query_key"
"""The engine's variable that holds the key of the hash."""
MACROS = (
    "CREATE MACRO clip(x, lo, hi) AS CASE WHEN x < lo THEN lo WHEN x > hi THEN hi ELSE x END",
    "CREATE MACRO steps(x, lo, hi, step) AS "
    "CASE WHEN isnan(x) THEN NULL ELSE CAST(round(clip(x, lo, hi) / step) AS INTEGER) END",
    f"CREATE MACRO ranked(h) AS hash(xor(h, getvariable('{KEY}')))",
)
"""What the rewritten SQL uses: clipping, whole steps, and the keyed hash."""


def rewritten(plan: Plan) -> str:
    """The statement whose answer is made noisy: keys, then measures, one row for each group."""
    keys = [f"k{i}" for i in range(len(plan.keys))]
    steps, source = _selected(plan.caps, keys, list(_carried(plan)))
    shown = [f"CAST({name} AS VARCHAR)" if key.expr.bare else name
             for name, key in zip(keys, plan.keys, strict=True)]
    columns = [*shown, *(_summed(plan, m, f"m{i}") for i, m in enumerate(plan.measures))]
    grouped = f"\nGROUP BY {', '.join(keys)}" if keys else ""
    chain = ",\n".join([f"base AS (\n{_base(plan)})", *steps])
    return f"WITH {chain}\nSELECT {', '.join(columns)}\nFROM {source}{grouped}"


def _carried(plan: Plan) -> dict[str, str]:
    """The columns of measures, but for what is there anyway: that there is a row, and its unit."""
    return {f"m{i}": m.sql for i, m in enumerate(plan.measures)
            if m.sql not in ("1", plan.rows.unit)}


def _summed(plan: Plan, measure: Measure, name: str) -> str:
    if measure.sql == plan.rows.unit:
        return "count(DISTINCT u)"
    if measure.sql == "1":
        return "count(*)"
    if measure.kind in ("units", "distinct"):
        return f"count(DISTINCT {name})"
    if measure.kind == "tree":
        return f"histogram({name})"
    return f"CAST(sum({name}) AS HUGEINT)"


def _base(plan: Plan) -> str:
    columns = [] if plan.rows.unit is None else [f"{plan.rows.unit} AS u"]
    columns += [f"{key_sql(key)} AS k{i}" for i, key in enumerate(plan.keys)]
    columns += [f"{sql} AS {name}" for name, sql in _carried(plan).items()]
    where = [*plan.rows.where, *plan.where]
    if plan.rows.unit is not None:
        where.append(f"{plan.rows.unit} IS NOT NULL")
    where += [f"{key_sql(key)} IS NOT NULL" for key in plan.keys
              if key.levels is not None and None not in key.levels]
    conditions = f"\n  WHERE {' AND '.join(where)}" if where else ""
    return f"  SELECT {', '.join(columns) or 'TRUE'}\n  FROM {plan.rows.sql}{conditions}"


def key_sql(key: Key) -> str:
    """A key's value: one of its levels where they are known, else as it stands."""
    expr: Expr = key.expr.value()
    if expr.bare:
        return expr.bare  # made text when the groups are few
    sql = expr.sql
    if expr.kind == "number":
        # NaN is no key, and -0 is 0.
        sql = f"nullif({sql} + 0e0, CAST('nan' AS DOUBLE))"
    if key.levels is not None and expr.kind == "text":
        known = ", ".join(_text(str(level)) for level in key.levels if level is not None)
        sql = f"(CASE WHEN {sql} IN ({known}) THEN {sql} END)" if known else "NULL"
    return sql


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _selected(caps: Caps, k: list[str], m: list[str]) -> tuple[list[str], str]:
    """The steps that keep a part of each unit's rows, and the name of the last.

    Args:
        k, m: the columns of keys and of measures.
    """
    if not caps.selects:
        return [], "base"
    if caps.groups is None or caps.per_group is None:
        row = _struct([*k, *m])
        inner = f"min_by({row}, ranked(hash({', '.join(['u', *k, *m])})), {caps.rows})"
        out = ", ".join(["u", *(f"r.{name} AS {name}" for name in [*k, *m])])
        return [f"picked AS (\n  SELECT {out}\n  FROM (SELECT u, unnest({inner}) AS r "
                "FROM base GROUP BY u))"], "picked"
    by = ", ".join(["u", *k])
    rows = f"min_by({_struct(m)}, ranked(hash({', '.join(['u', *k, *m])})), {caps.per_group})"
    group = f"min_by({_struct([*k, 'part'])}, ranked(hash({by})), {caps.groups})"
    out = ", ".join([*(f"g.{name} AS {name}" for name in k), "unnest(g.part) AS r"])
    last = ", ".join(["u", *k, *(f"r.{name} AS {name}" for name in m)])
    return [
        f"parts AS (\n  SELECT {by}, {rows} AS part FROM base GROUP BY {by})",
        f"groups AS (\n  SELECT u, unnest({group}) AS g FROM parts GROUP BY u)",
        f"picked AS (\n  SELECT {last} FROM (SELECT u, {out} FROM groups))",
    ], "picked"


def _struct(names: Sequence[str]) -> str:
    if not names:
        return "{'row': TRUE}"
    return "{" + ", ".join(f"'{name}': {name}" for name in names) + "}"


def bounded_rows(rows: Rows, own: str, where: Sequence[str]) -> str:
    """One relation with at most `cap` rows of each unit, under the same name.

    `own` is its name; conditions on it alone come before the choice.
    """
    if rows.bounded or rows.cap >= UNLIMITED:
        return rows.sql
    conditions = " AND ".join([*where, f"{rows.unit} IS NOT NULL"])
    rank = f"row_number() OVER (PARTITION BY {rows.unit} ORDER BY ranked(hash({own})))"
    return (f"(SELECT {own}.* FROM {rows.sql} WHERE {conditions} "
            f"QUALIFY {rank} <= {rows.cap}) AS {own}")
