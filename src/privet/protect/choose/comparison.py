"""What a comparison found, as a frozen value that tables, pages and JSON are made from."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from privet.claims import (
    Cost,
    DPGuarantee,
    Guarantee,
    JointGuarantee,
    LocalDPGuarantee,
    NoGuarantee,
)
from privet.claims.cost import human_bytes
from privet.errors import InvalidInput, PrivetError
from privet.protect.choose.score import METRICS, Score

if TYPE_CHECKING:
    from privet.protect.choose.recommend import Recommendation


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One protection's line.

    Attributes:
        label: what tables call it; unique within a comparison.
        name: the protection's one word; entries of one name form a line in the plot.
        guarantee: the claim of one fit; None if the protection refused.
        scores: by metric; empty if the protection refused.
        cost: of one fit: median seconds, greatest memory and bytes; None if it refused.
        notes: sentences a person should read.
        refusal: why it did not run.
        remedy: the line to write instead, if it did not run.
    """

    label: str
    name: str
    guarantee: Guarantee | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    cost: Cost | None = None
    notes: tuple[str, ...] = ()
    refusal: str | None = None
    remedy: str | None = None

    @property
    def ran(self) -> bool:
        """False if the protection refused."""
        return self.refusal is None

    @property
    def epsilon(self) -> float | None:
        """Epsilon of the guarantee; None where there is none."""
        return None if self.guarantee is None else epsilon_of(self.guarantee)

    @property
    def protected(self) -> bool:
        """True if anything is guaranteed at all."""
        return self.guarantee is not None and not isinstance(self.guarantee, NoGuarantee)


def epsilon_of(guarantee: Guarantee) -> float | None:
    """Epsilon of a central or local DP claim, also inside a stack; None where there is none."""
    if isinstance(guarantee, (DPGuarantee, LocalDPGuarantee)):
        return guarantee.epsilon
    if isinstance(guarantee, JointGuarantee):
        found = [epsilon_of(part) for part in guarantee.parts]
        known = [epsilon for epsilon in found if epsilon is not None]
        return min(known) if known else None
    return None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Protections side by side on one data set and one model.

    For the curator only, unless it has a guarantee of its own.

    Attributes:
        data: name of the data set.
        target: column that is predicted.
        model: name of the model.
        classes: number of classes; None for regression.
        rows: rows of the data set.
        features: encoded columns.
        unit: the privacy unit.
        train_rows, test_rows: of the first split (splits by id differ a little).
        test_size: share of rows (or units) held out.
        seeds: the splits' seeds.
        baselines: scores of a guess that looks at no feature, by metric.
        entries: one per protection, in the order given.
        release: what it would cost, or has cost, to release these figures, in words.
        release_epsilon, release_delta: what all private fits compose to at most; None if
            there are none.
        guarantee: of everything in the comparison, if it was made to be released. Then all
            figures are noisy, and ± is the 95% interval of the noise alone.
        span: greatest value of the primary metric less its least, where that is known.
        made: versions and settings, by name, as text.
    """

    data: str
    target: str
    model: str
    classes: int | None
    rows: int
    features: int
    unit: str = "row"
    train_rows: int
    test_rows: int
    test_size: float
    seeds: tuple[int, ...]
    baselines: dict[str, Score]
    entries: tuple[Entry, ...]
    release: str = ""
    release_epsilon: float | None = None
    release_delta: float | None = None
    guarantee: DPGuarantee | None = None
    span: float = 1.0
    made: dict[str, str] = field(default_factory=dict)

    @property
    def primary(self) -> str:
        """The metric that the recommendation goes by."""
        if self.classes is not None:
            return "accuracy"
        return "r2" if self.guarantee is None else "mae"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that at least one entry has, the primary one first."""
        return tuple(m for m in METRICS if any(m in entry.scores for entry in self.entries))

    @property
    def choice(self) -> str | None:
        """Label of the recommended entry; None where nothing can be recommended."""
        return self.recommended.choice

    @property
    def recommendation(self) -> str:
        """Which protection to pick, and why, in a sentence or two."""
        return self.recommended.text

    @property
    def recommended(self) -> Recommendation:
        """The recommendation with its kind and its choice."""
        if self.guarantee is not None:
            from privet.protect.choose.advice import advise

            return advise(self)
        from privet.protect.choose.recommend import recommend

        return recommend(self)

    def entry(self, label: str) -> Entry:
        """The entry of that label.

        Raises:
            InvalidInput: there is none.
        """
        for entry in self.entries:
            if entry.label == label:
                return entry
        labels = ", ".join(entry.label for entry in self.entries)
        raise InvalidInput("no such protection was compared", value=label, bound=labels)

    def table_rows(self) -> list[dict[str, str]]:
        """The table as text: one dict per line, keyed by heading, in the order to show.

        The last line is the guess that looks at no feature.
        """
        return [self._row(entry) for entry in self.entries] + [self._baseline_row()]

    def _row(self, entry: Entry) -> dict[str, str]:
        row = {"protection": entry.label}
        for metric in self.metrics:
            score = entry.scores.get(metric)
            row[METRICS[metric].title] = str(score) if score else "refused"
        cost = entry.cost or Cost()
        guarantee = entry.guarantee.headline() if entry.guarantee else entry.refusal or ""
        memory = cost.peak_memory
        if self.guarantee is not None:
            return row | {"guarantee": guarantee}
        return row | {
            "guarantee": guarantee,
            "seconds": "" if cost.seconds is None else f"{cost.seconds:.3g}",
            "peak memory": "" if memory is None else human_bytes(memory),
            "sent": "" if entry.cost is None else human_bytes(cost.total_bytes),
        }

    def _baseline_row(self) -> dict[str, str]:
        row = {"protection": METRICS[self.primary].baseline}
        for metric in self.metrics:
            score = self.baselines.get(metric)
            row[METRICS[metric].title] = score.figure if score else ""
        row["guarantee"] = "looks at no feature"
        if self.guarantee is not None:
            return row
        return row | {
            "seconds": "",
            "peak memory": "",
            "sent": "",
        }

    @property
    def caption(self) -> str:
        """What the figures are, in one sentence."""
        if self.guarantee is not None:
            return (
                f"{self.model} on {self.data}, predicting {self.target}: each "
                f"{'row' if self.unit == 'row' else 'unit'} held out once over {len(self.seeds)} "
                "random splits; scores are noisy, ± is the 95% interval of the noise"
            )
        splits = f"{len(self.seeds)} random splits" if len(self.seeds) > 1 else "one random split"
        return (
            f"{self.model} on {self.data}, predicting {self.target}: {splits}, about "
            f"{self.train_rows} rows to train on and {self.test_rows} held out"
        )

    def __str__(self) -> str:
        rows = self.table_rows()
        titles = list(rows[0])
        widths = [max(len(title), *(len(row[title]) for row in rows)) for title in titles]
        lines = [dict(zip(titles, titles, strict=True)), *rows]
        table = [
            "  ".join(f"{line[t]:<{w}}" for t, w in zip(titles, widths, strict=True)).rstrip()
            for line in lines
        ]
        table.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([self.caption, "", *table, "", self.recommendation, "", self.release])

    def _repr_html_(self) -> str:
        rows = self.table_rows()
        head = "".join(f"<th scope='col'>{html.escape(title)}</th>" for title in rows[0])
        body = "".join(f"<tr>{_cells(*row.values())}</tr>" for row in rows)
        return (
            f"<table><caption>{html.escape(self.caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p><b>{html.escape(self.recommendation)}</b></p><p>{html.escape(self.release)}</p>"
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-compatible dict that `from_json` reads back to an equal value.

        Means, interval ends, epsilons and the recommendation are there for other readers;
        they are computed again when the dict is read back.
        """
        from privet.protect.choose.record import to_record

        return to_record(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Comparison:
        """The comparison that `to_json` wrote.

        Raises:
            InvalidInput: something else, or a layout of another version.
        """
        from privet.protect.choose.record import from_record

        return from_record(record)


def _cells(name: str, *cells: str) -> str:
    first = f"<th scope='row'>{html.escape(name)}</th>"
    return first + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)


def refused(label: str, name: str, error: PrivetError) -> Entry:
    """The entry of a protection that did not run."""
    return Entry(label=label, name=name, refusal=error.problem, remedy=error.remedy)
