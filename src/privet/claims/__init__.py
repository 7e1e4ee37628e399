"""What a computation promises and what it cost, as typed values; and who must agree to it.

Guarantees and costs travel with every result, into saved models, tables and the ledger.
They are never bare floats: an epsilon without its delta, unit, relation and accountant
means nothing.
"""

from privet.claims.cost import Cost
from privet.claims.events import Event, Gaussian, PoissonGaussian
from privet.claims.guarantees import (
    DPGuarantee,
    FLGuarantee,
    Guarantee,
    HEGuarantee,
    JointGuarantee,
    LocalDPGuarantee,
    MPCGuarantee,
    NoGuarantee,
    Sight,
)
from privet.claims.serial import from_json, to_json
from privet.claims.steward import (
    Decision,
    NullSteward,
    Receipt,
    Request,
    Reservation,
    Spending,
    Steward,
    noting,
    spending,
)

__all__ = [
    "Cost",
    "DPGuarantee",
    "Decision",
    "Event",
    "FLGuarantee",
    "Gaussian",
    "Guarantee",
    "HEGuarantee",
    "JointGuarantee",
    "LocalDPGuarantee",
    "MPCGuarantee",
    "NoGuarantee",
    "NullSteward",
    "PoissonGaussian",
    "Receipt",
    "Request",
    "Reservation",
    "Sight",
    "Spending",
    "Steward",
    "from_json",
    "noting",
    "spending",
    "to_json",
]
