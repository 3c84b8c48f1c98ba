"""Simulated worlds. The core holds only the protocol; the worlds live in `streammtl_simulators`."""
