"""What is kept of every use of personal data, and who may make it.

Sees only `claims`, `errors` and `entropy`: techniques hand it typed guarantees.
"""
