"""Differential privacy: mechanisms, accounting, clipping, sampling and training."""
