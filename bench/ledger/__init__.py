"""Benchmarks of the ledger: durable appends, verification, and decisions about budgets."""
