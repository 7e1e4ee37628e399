"""Entries become facts that name their entry; what no entry says stays None."""

from __future__ import annotations

from typing import Any

import pytest

from privet.claims import Cost, Request
from privet.errors import InvalidInput
from privet.govern.budget import Budget, Registry
from privet.govern.evidence import KINDS, Evidence
from privet.govern.facts import Fact
from privet.govern.ledger import Ledger
from privet.govern.steward import LedgerSteward
from tests.unit.govern.recorded import claim, payloads, record, written


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return record(tmp_path_factory.mktemp("evidence") / "l.db")


@pytest.fixture(scope="module")
def found(ledger):
    return Evidence.of(ledger)


class Without:
    """A ledger in which some entries cannot be read."""

    def __init__(self, ledger: Ledger, *seqs: int) -> None:
        self._ledger = ledger
        self._seqs = seqs

    def entries(self, **chosen: Any) -> Any:
        found = self._ledger.entries(**chosen)
        return (entry for entry in found if entry.seq not in self._seqs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def test_a_data_set_is_as_of_its_newest_version(found):
    data = found.data_sets["patients"]
    assert data.registered == 2
    assert data.version == Fact("2", 4)
    assert (data.rows, data.units) == (Fact(12500, 4), Fact(8100, 4))
    assert data.columns == Fact(("age", "stay"), 2)
    assert data.parents == Fact((), 2), "no parents is a fact, too"
    assert data.budget.value["epsilon"] == 3.0


def test_a_run_is_joined_from_its_entries(found):
    run = found.runs[0]
    assert (run.decided, run.reserved, run.ended) == (7, 8, Fact("committed", 9))
    assert run.seqs == (7, 8, 9)
    assert run.guarantee == Fact(claim(), 9)
    assert run.cost.value.seconds == 2.5 and run.cost.seq == 9
    assert run.purpose == Fact("readmission", 8)
    assert run.approvals == (6,)
    assert run.figures.value["auc"] == 0.86
    assert run.unreadable == ()


def test_other_ends_are_told_apart(found):
    assert [run.ended for run in found.runs[1:]] == [Fact("forfeited", 11), Fact("released", 13)]
    assert all(run.guarantee is None and not run.committed for run in found.runs[1:])


def test_rulings_keep_what_an_approval_is_about(found):
    kinds = [(item.seq, item.kind) for item in found.rulings]
    assert kinds == [(5, "request"), (6, "grant"), (7, "granted"), (14, "refused")]
    assert found.rulings[1].purpose == "readmission"
    assert found.rulings[1].by == "cd" * 16
    assert found.policy == Fact("ab" * 32, 3)


def test_unknown_kinds_are_skipped(found):
    assert {item.kind for item in found.sources.values()} <= set(KINDS)
    assert 15 not in found.sources and 1 not in found.sources


def test_entries_after_the_head_are_not_read(ledger):
    class Old(Without):
        def head(self):
            return self._ledger.receipt(size=8).head

    assert Evidence.of(Old(ledger)).runs[0].ended is None


@pytest.mark.parametrize("seq", range(2, 15))
def test_no_fact_outlives_its_entry(ledger, seq):
    left = Evidence.of(Without(ledger, seq))
    assert seq not in left.sources
    assert f"seq={seq}," not in repr(left) and f"seq={seq})" not in repr(left)
    assert left != Evidence.of(ledger)


def test_a_commit_without_its_reservation_keeps_its_claim_only(ledger):
    orphan = next(r for r in Evidence.of(Without(ledger, 8)).runs if r.committed)
    assert orphan.guarantee.value == claim()
    assert (orphan.reserved, orphan.data_set, orphan.purpose) == (None, None, None)


def test_redacted_entries_are_listed_and_say_nothing(tmp_path):
    ledger = record(tmp_path / "l.db")
    ledger.redact(9, "asked")
    found = Evidence.of(ledger)
    assert found.redacted == (9,)
    assert found.sources[9].redacted
    assert found.runs[0].ended is None and found.runs[0].guarantee is None


def test_data_sets_and_models_can_be_chosen(ledger, tmp_path):
    more = written(tmp_path / "l.db", payloads() + payloads(data="visits")[:1])
    assert set(Evidence.of(more).data_sets) == {"patients", "visits"}
    only = Evidence.of(more, data_set="visits")
    assert set(only.data_sets) == {"visits"} and only.runs == () and only.rulings == ()
    for model in (9, 8, "9", "t1", f"{ledger.identity}/9"):
        chosen = Evidence.of(ledger, model=model)
        assert [run.reserved for run in chosen.runs] == [8]
        assert [item.seq for item in chosen.rulings] == [6, 7]
    for model in (99, "t9", "", f"{more.identity}/9", "/", 7):
        with pytest.raises(InvalidInput, match="no such run"):
            Evidence.of(ledger, model=model)
    with pytest.raises(InvalidInput, match="one of: patients"):
        Evidence.of(ledger, data_set="visits")


def test_claims_of_another_release_are_not_guessed(tmp_path):
    entries = payloads()
    strange = entries[7][1] | {"guarantee": {"kind": "quantum", "epsilon": 1}}
    found = Evidence.of(written(tmp_path / "l.db", [*entries[:7], ("run.commit", strange)]))
    run = found.runs[0]
    assert run.committed and run.guarantee is None
    assert run.unreadable == (9,) and run.cost is not None


@pytest.mark.parametrize("value", [None, 7, "text", [], [1], {}, {"a": None}, True, 0.5])
def test_fields_of_other_types_are_absent(tmp_path, value):
    entries = [
        (kind, dict.fromkeys(payload, value) | ({"name": "d"} if "name" in payload else {}))
        for kind, payload in payloads()
    ]
    found = Evidence.of(written(tmp_path / "l.db", entries))
    assert found.data_sets["d"].name == "d"
    for run in found.runs:
        assert run.guarantee is None and run.cost is None


def test_what_the_steward_writes_is_read(tmp_path):
    ledger = Ledger.open(tmp_path / "l.db")
    Registry(ledger).register(
        "patients",
        unit="patient_id",
        version="1",
        rows=12000,
        budget=Budget(3.0, 1e-5),
        relation="add-remove",
    )
    steward = LedgerSteward(ledger, requester="team-7")
    asked = Request(action="fit", data_set="patients", guarantee=claim(), purpose="readmission")
    assert steward.decide(asked).granted
    done = steward.commit(steward.reserve(asked), claim(), Cost(seconds=1.0))
    found = Evidence.of(ledger, data_set="patients", model=done.entry)
    (run,) = found.runs
    assert run.committed and run.decided is not None
    assert run.guarantee.value.epsilon == 1.0 and run.guarantee.value.recorded
    assert run.requester.value == "team-7" and run.environment is not None
    assert found.data_sets["patients"].rows.value == 12000
    assert found.data_sets["patients"].budget.value["epsilon"] == 3.0
