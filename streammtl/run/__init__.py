"""Replay, the daemon and the command line."""
