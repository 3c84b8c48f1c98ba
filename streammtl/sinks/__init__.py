"""Where predictions, metrics and rejects go."""
