"""The world of card fraud."""
