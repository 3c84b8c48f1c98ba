"""A streaming online multi-task learner."""
