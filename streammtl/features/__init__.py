"""From a field of an event to columns of a feature row."""
