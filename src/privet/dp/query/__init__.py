"""SQL with a privacy budget: from the text of a query to an answer with error bars.

See `privet.dp.query.run` for the stages.
"""
