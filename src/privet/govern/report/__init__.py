"""Documents made from a ledger, and the page on which a receipt is checked.

report(ledger, "card")                          model card, as one HTML file
report(ledger, "ropa")                          record of processing, GDPR Art. 30(1)
report_json(ledger, "ropa")                     the same for machines
record(ledger, "patients", FILE, kind="dpia", by="data-protection officer")
papers(ledger, "patients")                      which documents exist
receipt_page(ledger.receipt(7))                 checks it offline in a browser
"""

from __future__ import annotations

from privet.govern.report.organisation import Organisation
from privet.govern.report.receipts import receipt_page
from privet.govern.report.recording import papers, record, written
from privet.govern.report.reports import KINDS, report, report_json

__all__ = [
    "KINDS",
    "Organisation",
    "papers",
    "receipt_page",
    "record",
    "report",
    "report_json",
    "written",
]
