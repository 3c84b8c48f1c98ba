"""Learners of other projects, and the simplest learner there is, on the very same stream (`streammtl compare`)."""
