"""The world of machines with sensors."""
