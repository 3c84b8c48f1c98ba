"""Shared functions of the features, learned step by step."""
