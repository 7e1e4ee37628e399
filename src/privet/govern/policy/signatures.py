"""Whose signatures stand under approvals, for those who read the record later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.govern.ledger.records import key_id
from privet.govern.policy.acts import VERBS, Act, signed
from privet.govern.policy.facts import act_of
from privet.govern.policy.force import State, states
from privet.govern.policy.terms import Content

if TYPE_CHECKING:
    from privet.govern.ledger.ledger import Ledger

_PREFIX = "approval."


def signers(ledger: Ledger) -> dict[int, str]:
    """Who signed each approval, denial and revocation, by its entry.

    Only those are named whose key the policy gave that was in force when the entry was written,
    and whose signature on it verifies; of one that was written several times, the first entry.
    Whether an approval counted is another question: it also
    depends on the job, on who asked and on the time.
    """
    entries = [entry for verb in VERBS for entry in ledger.entries(kind=_PREFIX + verb)]
    known = list(states(ledger))
    state, found, seen = State(), dict[int, str](), set[bytes]()
    for entry in sorted(entries, key=lambda entry: entry.seq):
        while known and known[0][0] < entry.seq:
            state = known.pop(0)[1]
        # Behind a redacted adoption nobody can say what was in force.
        if entry.payload is not None and state.current is not None and not state.lost:
            act = act_of(ledger, entry, entry.kind.removeprefix(_PREFIX))
            name = _signer(state.current.content, ledger.identity, act)
            if name and act.signature not in seen:
                seen.add(act.signature)
                found[entry.seq] = name
    return found


def _signer(policy: Content, ledger: str, act: Act) -> str | None:
    for person in policy.approvers:
        if key_id(person.public) == act.signer and signed(act, person.public, ledger):
            return person.name
    return None
