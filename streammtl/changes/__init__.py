"""What can be done to the records of a stream on their way in: drifts at known places, labels that are left out."""
