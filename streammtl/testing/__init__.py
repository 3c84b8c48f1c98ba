"""Behaviour checks that every component of a family passes; use them for your own."""
