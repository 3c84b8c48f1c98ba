"""From what was asked for to the runs of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from pydantic import ValidationError

from streammtl.compare.grid import Variant, split_values
from streammtl.compare.jobs import Job, JobMaker, is_world
from streammtl.component import members
from streammtl.config import RunConfig
from streammtl.config_errors import explain_error, nearest
from streammtl.config_yaml import read_yaml
from streammtl.errors import ConfigError
from streammtl.peers.base import Peer

#: Gives the configuration that WHAT (a file, a world's name) and overrides make.
Load: TypeAlias = Callable[[str, tuple[str, ...]], RunConfig]

#: A peer has no loss weights and is not the configured model: these must not make two runs of one.
_OF_PEERS = ("weighting=equal", "model=mlp")


@dataclass(frozen=True, slots=True)
class Plan:
    """All runs of a comparison, and the names by which they are told apart."""

    jobs: tuple[Job, ...]
    variants: tuple[str, ...]
    peers: tuple[str, ...]
    streams: tuple[str, ...]
    reference: str
    n_seeds: int
    has_world: bool

    @property
    def learners(self) -> tuple[str, ...]:
        """Variants, then peers."""
        return (*self.variants, *self.peers)


def plan(
    what: Sequence[str],
    variants: Sequence[Variant],
    load: Load,
    *,
    peers: str = "",
    seeds: int = 1,
    events: int | None = None,
    overrides: Sequence[str] = (),
    data: Path | None = None,
    reference: str | None = None,
) -> Plan:
    """Every variant and every peer on every stream with every seed, seed after seed.

    `peers` are kinds, or settings with a kind, between commas. Raises `ConfigError` for what is wrong in any of it,
    before anything runs.
    """
    chosen = _peers(peers)
    names = [*(variant.name for variant in variants), *chosen]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two learners are called {', '.join(repeated)}")
    reference = names[0] if reference is None else reference
    if reference not in names:
        raise ConfigError(f"--reference {reference}: there is no such learner; {nearest(reference, names)}")
    streams = _names(what, load, tuple(overrides))
    asked: list[tuple[str, tuple[str, ...], dict[str, Any] | None]] = [(v.name, v.overrides, None) for v in variants]
    asked += [(name, _OF_PEERS, settings) for name, settings in chosen.items()]
    maker, jobs = JobMaker(events, data), []
    for stream, one in zip(streams, what, strict=True):
        for name, more, peer in asked:
            config = load(one, (*overrides, *more))
            jobs += [maker.make(config, stream, name, seed, peer) for seed in range(seeds)]
    return Plan(
        jobs=tuple(sorted(jobs, key=lambda job: job.seed)),  # so that early results are of all learners
        variants=tuple(variant.name for variant in variants),
        peers=tuple(chosen),
        streams=tuple(streams),
        reference=reference,
        n_seeds=seeds,
        has_world=any(is_world(job.settings) for job in jobs),
    )


def _names(what: Sequence[str], load: Load, overrides: tuple[str, ...]) -> list[str]:
    """The configurations' names; where two have the same, the names of their files."""
    names = [load(one, overrides).name for one in what]
    if len(set(names)) < len(names):
        names = [Path(one).stem for one in what]
    if len(set(names)) < len(names):
        raise ConfigError(f"two streams are called {max(names, key=names.count)}: give one of them another `name`")
    return names


def _peers(text: str) -> dict[str, dict[str, Any]]:
    """The settings of each peer by its name, which is how it was written."""
    known = members("peers")
    found = {}
    for written in split_values(text) if text else []:
        given = read_yaml(written, f"--peers {written}").value
        settings = {"kind": given} if isinstance(given, str) else given
        kind = settings.get("kind") if isinstance(settings, dict) else None
        if not isinstance(kind, str) or kind not in known:
            raise ConfigError(f"--peers {text}: there is no peer {written!r}; {nearest(str(kind or written), known)}")
        peer = cast(type[Peer], known[kind])
        peer.require()
        try:
            found[_shown(settings)] = peer.Config.model_validate(settings).model_dump(mode="json")
        except ValidationError as error:
            raise ConfigError(explain_error(error, peer.Config, settings, f"--peers {written}")) from None
    return found


def _shown(settings: dict[str, Any]) -> str:
    """The kind, and the settings given with it."""
    more = ", ".join(f"{key}={value}" for key, value in settings.items() if key != "kind")
    return f"{settings['kind']} ({more})" if more else str(settings["kind"])
