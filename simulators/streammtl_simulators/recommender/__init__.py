"""The world of a recommender."""
