"""Random generators named by what they are for.

Every random draw comes from a generator made of the run's seed and a *name* (`"head", "fraud"`), never from a shared
stream of numbers: so adding a task or a feature does not change what the others draw.
"""

from __future__ import annotations

import numpy as np
import xxhash


def named_seed(seed: int, *names: str) -> int:
    """A 64-bit seed that depends on `seed` and on every one of `names`."""
    return xxhash.xxh3_64_intdigest("\x1f".join((str(seed), *names)).encode())


def named_rng(seed: int, *names: str) -> np.random.Generator:
    """A numpy generator (PCG64) seeded with `named_seed`."""
    return np.random.Generator(np.random.PCG64(named_seed(seed, *names)))


def rng_state(rng: np.random.Generator) -> dict[str, str]:
    """The state of a PCG64 generator as strings: its integers have 128 bits, more than JSON readers keep."""
    state = rng.bit_generator.state
    return {
        "state": str(state["state"]["state"]),
        "inc": str(state["state"]["inc"]),
        "has_uint32": str(state["has_uint32"]),
        "uinteger": str(state["uinteger"]),
    }


def rng_from_state(state: dict[str, str]) -> np.random.Generator:
    """The generator whose `rng_state` this is."""
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(state["state"]), "inc": int(state["inc"])},
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }
    return np.random.Generator(bits)
