"""Other libraries' worlds."""
