"""The partition of a key, as all of Kafka's clients choose it by default: compiled, for many keys at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from streammtl.compiling import compiled
from streammtl.kafka.record_batches import Parts
from streammtl.types import Ints


def partitions_of(keys: Sequence[bytes], n_partitions: int) -> Ints:
    """The number of each key's partition.

    >>> partitions_of([b"a", b"hello", b""], 12).tolist()
    [4, 9, 9]
    """
    if n_partitions == 1:
        return np.zeros(len(keys), np.int64)
    hash_N = np.empty(len(keys), np.int64)
    _compiled()(*Parts.of(keys), hash_N)
    return (hash_N & 0x7FFF_FFFF) % n_partitions


@cache
def _compiled() -> Callable[..., Any]:
    return compiled("the choice of Kafka's partitions", murmur2)[0]


def murmur2(data_B: npt.NDArray[np.uint8], end_N: Ints, hash_N: Ints) -> None:
    """MurmurHash2 (A. Appleby) of 32 bits of each key, with the seed that Kafka uses; 64-bit integers hold it."""
    start = 0
    for n in range(len(end_N)):
        end = int(end_N[n])
        hashed = 0x9747_B28C ^ (end - start)
        whole = start + (end - start) // 4 * 4
        for at in range(start, whole, 4):
            word = 0
            for i in range(4):
                word |= int(data_B[at + i]) << 8 * i
            word = word * 0x5BD1_E995 & 0xFFFF_FFFF
            word = (word ^ word >> 24) * 0x5BD1_E995 & 0xFFFF_FFFF
            hashed = (hashed * 0x5BD1_E995 & 0xFFFF_FFFF) ^ word
        if whole < end:
            for i in range(end - whole):
                hashed ^= int(data_B[whole + i]) << 8 * i
            hashed = hashed * 0x5BD1_E995 & 0xFFFF_FFFF
        hashed = (hashed ^ hashed >> 13) * 0x5BD1_E995 & 0xFFFF_FFFF
        hash_N[n] = hashed ^ hashed >> 15
        start = end
