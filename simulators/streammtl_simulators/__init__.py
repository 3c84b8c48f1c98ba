"""Simulated worlds whose drifts and best possible predictions are known.

`streammtl_simulators.fraud` is card fraud with four tasks. Importing this package declares every world.
"""

from streammtl_simulators.fraud.world import FraudWorld

__all__ = ["FraudWorld"]
