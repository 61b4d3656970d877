"""Measurements of latlas beside its peers and beside published tables; run with `python -m benchmarks`."""
