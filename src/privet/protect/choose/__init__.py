"""Compare protections on one's own data, and say which to pick, and why."""

from privet.protect.choose.compare import compare
from privet.protect.choose.comparison import Comparison, Entry
from privet.protect.choose.page import page
from privet.protect.choose.public import compare_publicly
from privet.protect.choose.recommend import Recommendation, recommend
from privet.protect.choose.score import Score

__all__ = [
    "Comparison",
    "Entry",
    "Recommendation",
    "Score",
    "compare",
    "compare_publicly",
    "page",
    "recommend",
]
