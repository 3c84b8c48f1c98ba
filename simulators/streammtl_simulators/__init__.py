"""Simulated worlds whose drifts and best possible predictions are known.

`fraud` is card fraud with four tasks, `iot` machines with sensors and five tasks, `recommender` items shown to users
with five tasks that follow from a click. Importing this package declares every world.
"""

from streammtl_simulators.fraud.world import FraudWorld
from streammtl_simulators.iot.world import IotWorld
from streammtl_simulators.recommender.world import RecommenderWorld

__all__ = ["FraudWorld", "IotWorld", "RecommenderWorld"]
