"""JAX functions as graphs: traced once, read by techniques, run again with other rules.

What traces and what runs knows nothing of any technique: the same graph serves gradient clipping
and whatever else needs to see the operations of a user's function one by one.
"""

from privet.graph.interpret import Rule, evaluate
from privet.graph.ir import Graph, Node, Value
from privet.graph.trace import trace
from privet.graph.twins import twins

__all__ = ["Graph", "Node", "Rule", "Value", "evaluate", "trace", "twins"]
