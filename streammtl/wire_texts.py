"""Texts that lie in the bytes of JSON documents, looked up without becoming Python's texts.

Shape suffixes: M tokens, B bytes, E texts that are remembered, S slots of a hash table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple, final, overload

import numpy as np
import numpy.typing as npt

from streammtl.compiling import compiled
from streammtl.types import Bools, Ints, Ints32

_Bytes = npt.NDArray[np.uint8]
_Hashes = npt.NDArray[np.uint64]

_FIRST_SLOTS = 1024

#: FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, The FNV Non-Cryptographic Hash Algorithm, RFC 9923).
_BASIS, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)


@final
class TextTokens(Sequence[str | None]):
    """Tokens of JSON that are each null or a text of ASCII without escapes, where they lie.

    >>> data_B = np.frombuffer(b'["x",null]', dtype=np.uint8)
    >>> list(TextTokens(data_B, np.array([[1, 4], [5, 9]])))
    ['x', None]
    """

    __slots__ = ("data_B", "span_M2")

    def __init__(self, data_B: _Bytes, span_M2: Ints) -> None:
        """From which byte to before which one each token lies, quotation marks included."""
        self.data_B, self.span_M2 = data_B, span_M2

    def __len__(self) -> int:
        """M."""
        return len(self.span_M2)

    @overload
    def __getitem__(self, index: int) -> str | None: ...
    @overload
    def __getitem__(self, index: slice) -> TextTokens: ...
    def __getitem__(self, index: int | slice) -> str | TextTokens | None:
        """A text, or some of the tokens."""
        if isinstance(index, slice):
            return TextTokens(self.data_B, self.span_M2[index])
        first, last = self.span_M2[index].tolist()
        return _text(self.data_B[first:last].tobytes())

    def __iter__(self) -> Iterator[str | None]:
        """The texts."""
        content = self.data_B.data
        return (_text(bytes(content[first:last])) for first, last in self.span_M2.tolist())

    def presence(self) -> Bools:
        """Which of the tokens are texts that are not empty."""
        first_M, last_M = self.span_M2[:, 0], self.span_M2[:, 1]
        return np.asarray((self.data_B[first_M] == ord('"')) & (last_M - first_M > 2))

    def among(self, is_wanted_M: Bools) -> TextTokens:
        """The tokens that are wanted."""
        return TextTokens(self.data_B, self.span_M2[is_wanted_M])


def _text(token: bytes) -> str | None:
    return token[1:-1].decode("ascii") if token[:1] == b'"' else None


@final
class TextTable:
    """Remembers a number for each of the texts that it has met, at most `n_remembered`; then it forgets them all.

    >>> table = TextTable(100)
    >>> data_B = np.frombuffer(b'["abc",null,"","de"]', dtype=np.uint8)
    >>> tokens = TextTokens(data_B, np.array([[1, 6], [7, 11], [12, 14], [15, 19]]))
    >>> table.numbers(tokens, len).tolist()
    [3, 0, 0, 2]
    """

    def __init__(self, n_remembered: int) -> None:
        self._n_remembered = n_remembered
        # Entry 0 is for null and the empty text.
        self._n_entries = 1
        self._hash_E: _Hashes = np.zeros(_FIRST_SLOTS // 2, np.uint64)
        self._end_E: Ints = np.zeros(_FIRST_SLOTS // 2, np.int64)  # one text after the other lies in the pool
        self._number_E: Ints32 = np.zeros(_FIRST_SLOTS // 2, np.int32)
        self._slots_S: Ints32 = np.zeros(_FIRST_SLOTS, np.int32)  # an entry; 0: free
        self._pool_B: _Bytes = np.zeros(8 * _FIRST_SLOTS, np.uint8)

    def numbers(self, tokens: TextTokens, number_of: Callable[[str], int]) -> Ints32:
        """`number_of` of each text, which must be a function of the text alone; 0 of null and of the empty text."""
        n = len(tokens)
        entry_M, number_M = np.empty(n, np.int64), np.empty(n, np.int32)
        done = 0
        while True:
            tables = (self._slots_S, self._hash_E, self._end_E, self._pool_B)
            first, n_known = done, self._n_entries
            done, self._n_entries = _compiled().look_up(tokens.data_B, tokens.span_M2, first, *tables, n_known, entry_M)
            ends = self._end_E[n_known - 1 : self._n_entries].tolist()
            pool = self._pool_B.data
            for entry, (start, end) in enumerate(pairwise(ends), n_known):
                self._number_E[entry] = number_of(bytes(pool[start:end]).decode("ascii"))
            number_M[first:done] = self._number_E[entry_M[first:done]]
            if done == n:
                return number_M
            self._make_room(int(tokens.span_M2[done, 1] - tokens.span_M2[done, 0]))

    def _make_room(self, n_bytes: int) -> None:
        """For one more text at least, of so many bytes."""
        if self._n_entries > self._n_remembered:
            self._n_entries = 1
        elif self._n_entries == len(self._hash_E):
            self._hash_E, self._end_E = np.tile(self._hash_E, 2), np.tile(self._end_E, 2)
            self._number_E, self._slots_S = np.tile(self._number_E, 2), np.tile(self._slots_S, 2)
        used = int(self._end_E[self._n_entries - 1])
        if used + n_bytes > len(self._pool_B):
            self._pool_B = np.concatenate([self._pool_B, np.zeros(len(self._pool_B) + n_bytes, np.uint8)])
        self._slots_S[:] = 0
        _compiled().fill_slots(self._slots_S, self._hash_E[: self._n_entries])


class _Compiled(NamedTuple):
    look_up: Callable[..., tuple[int, int]]
    fill_slots: Callable[..., None]


@cache
def _compiled() -> _Compiled:
    return _Compiled(*compiled("the look-up of texts in JSON documents", look_up, fill_slots))


def look_up(
    data_B: _Bytes,
    span_M2: Ints,
    m: int,
    slots_S: Ints32,
    hash_E: _Hashes,
    end_E: Ints,
    pool_B: _Bytes,
    n_entries: int,
    entry_M: Ints,
) -> tuple[int, int]:
    """Write the entries of the texts from number `m` on, and make one for each that has none, while there is room.

    Returns how many texts have their entry, and how many entries there are.
    """
    last_slot = np.uint64(len(slots_S) - 1)
    slot: Any
    entry: Any
    while m < len(span_M2):
        first, last = span_M2[m, 0] + 1, span_M2[m, 1] - 1
        if data_B[first - 1] == 110 or last == first:  # null, or empty
            entry_M[m] = 0
            m += 1
            continue
        code = _BASIS
        for at in range(first, last):
            code = (code ^ np.uint64(data_B[at])) * _PRIME
        slot = (code ^ (code >> np.uint64(32))) & last_slot
        entry = slots_S[slot]
        while entry > 0:
            start = end_E[entry - 1]
            if hash_E[entry] == code and end_E[entry] - start == last - first:
                i = 0
                while first + i < last and pool_B[start + i] == data_B[first + i]:
                    i += 1
                if first + i == last:
                    break
            slot = (slot + np.uint64(1)) & last_slot
            entry = slots_S[slot]
        if entry == 0:
            start = end_E[n_entries - 1]
            if n_entries == len(hash_E) or start + last - first > len(pool_B):
                break
            entry = n_entries
            slots_S[slot] = entry
            hash_E[entry] = code
            end_E[entry] = start + last - first
            for i in range(last - first):
                pool_B[start + i] = data_B[first + i]
            n_entries += 1
        entry_M[m] = entry
        m += 1
    return m, n_entries


def fill_slots(slots_S: Ints32, hash_E: _Hashes) -> None:
    """Give each text the first free slot from where its hash says; all slots are free."""
    last_slot = np.uint64(len(slots_S) - 1)
    slot: Any
    for entry in range(1, len(hash_E)):
        code = hash_E[entry]
        slot = (code ^ (code >> np.uint64(32))) & last_slot
        while slots_S[slot] > 0:
            slot = (slot + np.uint64(1)) & last_slot
        slots_S[slot] = entry
