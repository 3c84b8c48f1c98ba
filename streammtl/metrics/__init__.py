"""Scorers of published predictions."""
