"""What the owner of data allows, who must approve, and the decision before anything is read.

A policy is a TOML file that the owner signs into the ledger (`adopt`). `Policy.decide` answers a
request from that text and the ledger's entries. People approve exact requests with keys of
their own (`request`, `approve`, `deny`, `revoke`); `page` shows a request to them.
"""

from __future__ import annotations

from privet.govern.policy.acts import Act
from privet.govern.policy.adoption import adopt, adopt_organisation, adoption
from privet.govern.policy.approvals import Pending, approve, deny, pending, request, revoke
from privet.govern.policy.facts import Facts
from privet.govern.policy.force import Adoption, in_force
from privet.govern.policy.job import job_digest
from privet.govern.policy.page import page
from privet.govern.policy.policy import Policy, evaluate
from privet.govern.policy.rules import RULES
from privet.govern.policy.signatures import signers
from privet.govern.policy.terms import Approver, Purpose, Terms

__all__ = [
    "RULES",
    "Act",
    "Adoption",
    "Approver",
    "Facts",
    "Pending",
    "Policy",
    "Purpose",
    "Terms",
    "adopt",
    "adopt_organisation",
    "adoption",
    "approve",
    "deny",
    "evaluate",
    "in_force",
    "job_digest",
    "page",
    "pending",
    "request",
    "revoke",
    "signers",
]
