"""Free text: hashed n-grams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, final

import numpy as np
import xxhash
from pydantic import Field, model_validator

from streammtl.features.base import Feature, FeatureProblem, to_dense
from streammtl.seeds import named_seed
from streammtl.types import Floats, Floats32, Ints32

#: How many distinct n-grams a feature remembers the hash of; then it forgets them all. Results do not depend on it.
N_REMEMBERED = 65_536

#: How many numbers of whole texts' columns a feature remembers: many fields hold the same few texts again and again.
N_REMEMBERED_NUMBERS = 262_144

_WORD = re.compile(r"\w+")


@final
class Text(Feature):
    """Dense columns with the signed counts of a text's n-grams, scaled to length 1.

    Every n-gram g adds s(g) = +1 or -1 to column h(g); both come from one seeded xxh3_64 hash. The vector is then
    divided by its Euclidean norm, so that a text weighs the same whatever its length. The sign makes n-grams that
    share a column cancel in the mean rather than add up: the inner product of two texts is then unbiased.

    An n-gram is a run of words (`words`), or of characters within the text (`characters`: short codes, misspellings).
    A text without any n-gram (no letter or digit) is missing, like no text at all.

    K. Weinberger, A. Dasgupta, J. Langford, A. Smola, J. Attenberg: Feature Hashing for Large Scale Multitask
    Learning, ICML 2009, definition 1. We differ by taking column and sign from the same hash, from different bits.

    >>> import numpy as np
    >>> feature = Text.Config(dimensions=4, max_n=1).build("note")
    >>> dense_BD = np.zeros((3, 4), dtype=np.float32)
    >>> feature.encode(["Card lost", "lost CARD", "!"], np.zeros(3), dense_BD, np.zeros((3, 0), dtype=np.int32))
    []
    >>> bool((dense_BD[0] == dense_BD[1]).all()), float((dense_BD[0] ** 2).sum().round(5)), dense_BD[2].tolist()
    (True, 1.0, [nan, nan, nan, nan])
    """

    class Config(Feature.Config):
        """Settings of a text feature."""

        kind: Literal["text"] = "text"
        dimensions: int = Field(default=32, ge=1, le=65_536, description="Number of dense columns.")
        unit: Literal["words", "characters"] = Field(default="words", description="What n-grams are made of.")
        min_n: int = Field(default=1, ge=1, le=10, description="Units in the shortest n-gram.")
        max_n: int = Field(default=2, ge=1, le=10, description="Units in the longest n-gram.")
        lowercase: bool = Field(default=True, description="Does upper and lower case count as the same?")
        max_characters: int = Field(
            default=10_000, ge=1, le=10_000_000, description="Characters of a text that are read; the rest is ignored."
        )

        @model_validator(mode="after")
        def _check_n(self) -> Text.Config:
            if self.min_n > self.max_n:
                raise ValueError(f"min_n ({self.min_n}) must not be greater than max_n ({self.max_n})")
            return self

    def __init__(self, config: Config, name: str, seed: int = 0) -> None:
        super().__init__(config, name, seed)
        self._config = config
        self._seed = named_seed(seed, "text", name)
        self._codes: dict[str, int] = {}
        #: Texts that came before, and the line of `_kept_LD` with the columns of each.
        self._lines: dict[Any, int] = {}
        self._kept_LD: Floats32 = np.zeros((0, config.dimensions), dtype=np.float32)

    @property
    def wire_type(self) -> Any:
        """Text."""
        return str

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The feature's name with the column: `note[0]`."""
        return tuple(f"{self.name}[{column}]" for column in range(self._config.dimensions))

    def encode(
        self, values: Sequence[Any], time_s_B: Floats, dense_BD: Floats32, category_BC: Ints32
    ) -> list[FeatureProblem]:
        """Write the columns."""
        try:
            lines = list(map(self._lines.__getitem__, values))
        except KeyError:
            self._remember(values)
            lines = [self._lines[value] for value in values]
        dense_BD[:] = self._kept_LD[lines]
        return []

    def _remember(self, values: Sequence[Any]) -> None:
        """Encode all values that are not remembered yet."""
        new = [value for value in dict.fromkeys(values) if value not in self._lines]
        if len(self._lines) + len(new) > max(len(values), N_REMEMBERED_NUMBERS // self._config.dimensions):
            self._lines.clear()
            new = list(dict.fromkeys(values))
        n_before = len(self._lines)
        self._lines.update(zip(new, range(n_before, n_before + len(new)), strict=True))
        self._kept_LD = np.concatenate([self._kept_LD[:n_before], to_dense(self._count(new))])

    def _count(self, values: Sequence[Any]) -> Floats:
        """The scaled counts of each value's n-grams, `(B, D)`."""
        n_rows, n_columns = len(values), self._config.dimensions
        codes_G: list[int] = []  # one per n-gram of any row: twice its column, and one more where its sign is minus
        n_grams_B = np.zeros(n_rows, dtype=np.int64)
        for row, value in enumerate(values):
            if value:
                before = len(codes_G)
                codes_G.extend(map(self._code, self._grams(value)))
                n_grams_B[row] = len(codes_G) - before
        code_G = np.array(codes_G, dtype=np.int64)
        cell_G = np.repeat(np.arange(n_rows) * n_columns, n_grams_B) + (code_G >> 1)
        # Sums of ones: exact, so that neither the order of n-grams nor the other rows matter.
        sums = np.bincount(cell_G, weights=1.0 - 2.0 * (code_G & 1), minlength=n_rows * n_columns)
        count_BD: Floats = sums.astype(np.float64).reshape(n_rows, n_columns)
        norm_B = np.sqrt(np.square(count_BD).sum(axis=1))
        norm_B[norm_B == 0.0] = 1.0
        count_BD /= norm_B[:, None]
        count_BD[n_grams_B == 0] = np.nan
        return count_BD

    def _grams(self, text: str) -> Iterator[str]:
        text = text[: self._config.max_characters]
        if self._config.lowercase:
            text = text.lower()
        if self._config.unit == "characters":
            text = " ".join(text.split())
            for n in range(self._config.min_n, self._config.max_n + 1):
                yield from (text[i : i + n] for i in range(len(text) - n + 1))
            return
        words = _WORD.findall(text)
        for n in range(self._config.min_n, self._config.max_n + 1):
            yield from (" ".join(words[i : i + n]) for i in range(len(words) - n + 1))

    def _code(self, gram: str) -> int:
        code = self._codes.get(gram)
        if code is None:
            digest = xxhash.xxh3_64_intdigest(gram.encode("utf-8", "surrogatepass"), self._seed)
            code = 2 * (digest % self._config.dimensions) + (digest >> 63)
            if len(self._codes) >= N_REMEMBERED:
                self._codes.clear()
            self._codes[gram] = code
        return code
