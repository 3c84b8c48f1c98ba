"""How often each class was taken for each.

Shape suffixes: B scored labels of one task, K classes.
"""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np

from streammtl.types import Floats, Ints

#: Classes that are shown by name; the rest are one, "others". 20 by 20 can still be read.
MAX_CLASSES: Final = 20


@final
class Confusion:
    """How often each class was taken for each.

    >>> confusion = Confusion(n_classes=2)
    >>> confusion.add(np.array([0.0, 1.0, 1.0]), np.array([0, 0, 1]))
    >>> confusion.count_KK.tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(self, n_classes: int) -> None:
        self._n_shown = min(n_classes, MAX_CLASSES)
        size = self._n_shown + (n_classes > MAX_CLASSES)
        self.count_KK = np.zeros((size, size), np.int64)

    def add(self, label_B: Floats, predicted_B: Ints) -> None:
        """Take labels and predicted classes, both as indices."""
        size = len(self.count_KK)
        true_B = np.minimum(label_B.astype(np.int64), size - 1)
        cell_B = true_B * size + np.minimum(predicted_B, size - 1)
        self.count_KK += np.bincount(cell_B, minlength=size * size).reshape(size, size)

    def to_json(self, classes: list[str]) -> dict[str, Any]:
        """The names of the classes that came, and the rows of true classes; columns are predicted ones."""
        names = [classes[k] if k < len(classes) else str(k) for k in range(self._n_shown)]
        names += ["others"] if len(self.count_KK) > self._n_shown else []
        seen = np.flatnonzero(self.count_KK.sum(axis=0) + self.count_KK.sum(axis=1))
        return {"classes": [names[k] for k in seen], "counts": self.count_KK[np.ix_(seen, seen)].tolist()}
