"""Benchmarks of differential privacy."""
