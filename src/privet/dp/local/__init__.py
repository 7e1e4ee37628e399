"""Local differential privacy: noise on each record before it leaves its device."""
