"""The grid of variants: every combination of the values of the settings that vary."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from streammtl.errors import ConfigError

_OPEN, _CLOSE = "[{", "]}"

#: Name of the only variant where no setting varies.
AS_CONFIGURED = "as configured"


@dataclass(frozen=True, slots=True)
class Variant:
    """Settings under a name."""

    name: str
    overrides: tuple[str, ...] = ()  # as of `--set`


def variants(varied: Sequence[str]) -> list[Variant]:
    """All combinations, the last setting varying fastest, each named by its values.

    `varied` are texts `key=value,value`; a value is YAML, so commas within brackets and quotes belong to it. Where
    several settings vary, a name says which value is whose. Raises `ConfigError` for what cannot be read.

    >>> [variant.name for variant in variants(["weighting=equal,famo"])]
    ['equal', 'famo']
    >>> [variant.name for variant in variants(["weighting=equal,famo", "model.optimizer.rate=0.01,0.1"])][:2]
    ['weighting=equal, rate=0.01', 'weighting=equal, rate=0.1']
    """
    axes = [_axis(text) for text in varied]
    keys = [key for key, _ in axes]
    _refuse_repeated(keys, "--vary names a setting twice")
    if not axes:
        return [Variant(AS_CONFIGURED)]
    shown = _short(keys)
    return [
        Variant(
            name=values[0] if len(axes) == 1 else ", ".join(f"{k}={v}" for k, v in zip(shown, values, strict=True)),
            overrides=tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True)),
        )
        for values in itertools.product(*(values for _, values in axes))
    ]


def split_values(text: str) -> list[str]:
    """The values between commas that are in no bracket and no quotes.

    >>> split_values("equal, {kind: stch, mu: 0.5},'a,b'")
    ['equal', '{kind: stch, mu: 0.5}', "'a,b'"]
    """
    values, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in _OPEN) - (letter in _CLOSE)
        if letter == "," and not depth and not quote:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def _axis(text: str) -> tuple[str, list[str]]:
    key, equals, values_text = text.partition("=")
    key, values = key.strip(), split_values(values_text)
    if not equals or not key or not all(values):
        raise ConfigError(f"--vary {text}: expected KEY=VALUE,VALUE, for example --vary weighting=equal,uncertainty")
    if key == "seed":
        raise ConfigError("--vary seed: the seed is varied by --seeds, in all variants alike")
    _refuse_repeated(values, f"--vary {key} names a value twice")
    return key, values


def _refuse_repeated(words: Sequence[str], what: str) -> None:
    repeated = sorted({word for word in words if words.count(word) > 1})
    if repeated:
        raise ConfigError(f"{what}: {', '.join(repeated)}")


def _short(keys: Sequence[str]) -> list[str]:
    """The last part of each key; the whole key where several end alike."""
    ends = [key.rpartition(".")[2] for key in keys]
    return [end if ends.count(end) == 1 else key for key, end in zip(keys, ends, strict=True)]
