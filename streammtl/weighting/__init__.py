"""Adaptive task weights: one file per strategy."""
