"""Typed guarantees: who learns what, under which assumption, and how to check it.

A guarantee is a frozen value. `str()` gives the sentence a person reads, `describe()` the
answers to the four questions, `_repr_html_` the same in a notebook, `privet.claims.to_json`
the record that is stored.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from privet.claims.events import Event
from privet.errors import InvalidInput, fraction, one_of, whole

Relation = Literal["zero-out", "add-remove", "replace-one"]
RELATIONS: tuple[Relation, ...] = ("zero-out", "add-remove", "replace-one")
_RELATION_WORDS = {
    "zero-out": "one unit's contribution replaced by nothing; the number of rows is public",
    "add-remove": "one unit added or removed; the number of rows is not public",
    "replace-one": "one unit's data replaced by any other; the number of rows is public",
}


@dataclass(frozen=True)
class Sight:
    """What one role sees of the data: a row of the who-sees-what diagram."""

    role: str
    sees: str
    protected: bool


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """Base of all guarantees.

    Attributes:
        sights: what each role sees.
        assumptions: what must hold for the claim to hold.
        checks: how a reader can verify the claim.
        simulated: the roles ran inside one process or under one user, so that the claim
            describes a rehearsal and nobody was protected from anybody.
        recorded: a steward wrote this run into a ledger.
    """

    kind: ClassVar[str] = "guarantee"

    sights: tuple[Sight, ...] = ()
    assumptions: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    simulated: bool = False
    recorded: bool = False

    def headline(self) -> str:
        """The claim in one line, without its context."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it claims")

    def caveats(self) -> tuple[str, ...]:
        """What a reader must know before relying on the headline."""
        notes = []
        if self.simulated:
            notes.append("simulated, no protection: all roles ran under one user")
        if not self.recorded:
            notes.append("not recorded in a ledger")
        return tuple(notes)

    def describe(self) -> dict[str, tuple[str, ...]]:
        """The four answers, each as a tuple of sentences (cost is a value of its own)."""
        return {
            "claim": (self.headline(),),
            "who learns what": tuple(f"{s.role}: {s.sees}" for s in self.sights),
            "under which assumption": self.assumptions,
            "how to check it": self.checks,
            "caveats": self.caveats(),
        }

    def __str__(self) -> str:
        notes = self.caveats()
        return self.headline() + (f" [{'; '.join(notes)}]" if notes else "")

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(title)}</th>"
            f"<td style='text-align:left'>{'<br>'.join(map(html.escape, lines)) or '-'}</td></tr>"
            for title, lines in self.describe().items()
        )
        return f"<table>{rows}</table>"


@dataclass(frozen=True, kw_only=True)
class NoGuarantee(Guarantee):
    """Trained in the clear: the model may reveal the rows it was trained on."""

    kind: ClassVar[str] = "none"

    def headline(self) -> str:
        return "no privacy guarantee: trained in the clear"


LARGE_DELTA = 0.02
"""Above it, the chance that the bound of a `DPGuarantee` fails is one of its caveats."""


@dataclass(frozen=True, kw_only=True)
class DPGuarantee(Guarantee):
    r"""Central (epsilon, delta)-differential privacy of what was released.

    For all neighbouring data sets D, D' under `relation` on `unit` and all events S,
    Pr[M(D) in S] <= exp(epsilon) Pr[M(D') in S] + delta (Dwork & Roth 2014, Def. 2.4).

    Attributes:
        epsilon: upper bound on the privacy loss, in nats.
        delta: probability with which the bound may fail.
        unit: what one person contributes: "row" or the name of the id column.
        relation: which data sets count as neighbours.
        accountant: the method and its version that composed the events.
        events: the private releases that make up the claim, in order; adding them up at the
            part of delta called "mechanism" gives at most epsilon.
        delta_split: named parts of delta; they add up to at most delta.
        secret_noise: False when the noise came from a reproducible stream. Then nothing is
            guaranteed against a person who knows the seed.
        provenance: where bounds, classes and public rows came from.
    """

    kind: ClassVar[str] = "dp"

    epsilon: float
    delta: float
    unit: str
    relation: Relation
    accountant: str
    events: tuple[Event, ...] = ()
    delta_split: dict[str, float] = field(default_factory=dict)
    secret_noise: bool = True
    provenance: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Zero is a true claim for a release that touches no private row.
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise InvalidInput("epsilon must be finite and not negative", value=self.epsilon)
        if self.delta != 0:
            fraction(delta=self.delta)
        one_of(RELATIONS, relation=self.relation)
        if sum(self.delta_split.values()) > self.delta * (1 + 1e-9):
            raise InvalidInput(
                "the parts of delta exceed it", value=self.delta_split, bound=f"<= {self.delta}"
            )

    def headline(self) -> str:
        return (
            f"({self.epsilon:.4g}, {self.delta:.2g})-differential privacy per {self.unit}, "
            f"{self.relation} relation"
        )

    def caveats(self) -> tuple[str, ...]:
        notes = super().caveats()
        if self.delta > LARGE_DELTA:
            hollow = f"a large delta: with a chance of {self.delta:.2g} nothing is promised"
            notes = (hollow, *notes)
        if not self.secret_noise:
            notes = ("reproducible noise: no privacy against anyone who knows the seed", *notes)
        return notes

    def describe(self) -> dict[str, tuple[str, ...]]:
        meaning = f"neighbours: {_RELATION_WORDS[self.relation]}"
        answers = super().describe()
        return answers | {
            "claim": (*answers["claim"], meaning, f"accountant: {self.accountant}"),
            "releases": tuple(map(str, self.events)),
            "provenance": self.provenance,
        }


@dataclass(frozen=True, kw_only=True)
class LocalDPGuarantee(Guarantee):
    """Local differential privacy: each record was randomised before it left its device.

    Attributes:
        epsilon: upper bound on the privacy loss of one record, in nats.
        columns: the part of epsilon of each column's report.
        randomiser: which randomisers, in words.
        unit: what one person contributes: "row" or the name of the id column.
        max_rows: most records of one unit that were randomised; their epsilons add up.
    """

    kind: ClassVar[str] = "local-dp"

    epsilon: float
    columns: dict[str, float] = field(default_factory=dict)
    randomiser: str = ""
    unit: str = "row"
    max_rows: int = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise InvalidInput("epsilon must be finite and not negative", value=self.epsilon)
        whole(max_rows=self.max_rows)

    @property
    def per_unit(self) -> float:
        """Epsilon of all records of one person together."""
        return self.epsilon * self.max_rows

    def headline(self) -> str:
        claim = f"{self.epsilon:.4g}-local differential privacy per record"
        return claim if self.unit == "row" else f"{claim}, {self.per_unit:.4g} per {self.unit}"


@dataclass(frozen=True, kw_only=True)
class MPCGuarantee(Guarantee):
    """Secret sharing: no coalition within the threshold learns more than the output."""

    kind: ClassVar[str] = "mpc"

    parties: int
    threshold: int
    adversary: Literal["semi-honest", "malicious-with-abort"]
    revealed_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        whole(least=2, parties=self.parties)
        if not 0 < self.threshold < self.parties:
            raise InvalidInput(
                "threshold must leave an honest party",
                value=self.threshold,
                bound=f"0 < threshold < {self.parties}",
            )

    def headline(self) -> str:
        return (
            f"secret shares among {self.parties} parties, at most {self.threshold} corrupted "
            f"({self.adversary})"
        )


@dataclass(frozen=True, kw_only=True)
class HEGuarantee(Guarantee):
    """Homomorphic encryption: the evaluator sees ciphertexts and evaluation keys only."""

    kind: ClassVar[str] = "he"

    security_bits: int
    scheme: str
    ring_dimension: int
    modulus_bits: int
    noise_flooding: bool

    def headline(self) -> str:
        return f"{self.scheme} ciphertexts at {self.security_bits} bits of security"


@dataclass(frozen=True, kw_only=True)
class FLGuarantee(Guarantee):
    """Federation: updates leave a site, rows do not, and only their masked sum is seen."""

    kind: ClassVar[str] = "fl"

    sites: int
    min_contributors: int
    secure_aggregation: bool
    aggregator_sees: tuple[str, ...]

    def headline(self) -> str:
        what = "the masked sum of" if self.secure_aggregation else "the updates of"
        return f"federated: the aggregator sees {what} at least {self.min_contributors} sites"


@dataclass(frozen=True, kw_only=True)
class JointGuarantee(Guarantee):
    """Several guarantees that hold together, for stacked protections."""

    kind: ClassVar[str] = "joint"

    parts: tuple[Guarantee, ...]

    def headline(self) -> str:
        return " and ".join(part.headline() for part in self.parts)

    def caveats(self) -> tuple[str, ...]:
        # Each part's caveats hold; the stack as a whole is recorded or simulated only once.
        inner = [note for part in self.parts for note in part.caveats()]
        return tuple(dict.fromkeys((*super().caveats(), *inner)))


def kinds() -> dict[str, type[Any]]:
    """The guarantee classes by their `kind`, as written in JSON."""
    classes: tuple[type[Guarantee], ...] = (
        NoGuarantee,
        DPGuarantee,
        LocalDPGuarantee,
        MPCGuarantee,
        HEGuarantee,
        FLGuarantee,
        JointGuarantee,
    )
    return {cls.kind: cls for cls in classes}
