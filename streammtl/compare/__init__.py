"""Comparisons: several settings and peers on the same streams, and what may be said about the differences."""
