"""Whether a run is alive, and whether it is ready: what probes ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from streammtl.clock import Clock
from streammtl.engine import Engine, TurnReport
from streammtl.run.observe import Observer, Saved

_MAX_REASON = 500  # characters; an error of a client library may quote a whole request


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer to a probe."""

    ok: bool
    reason: str  # for a person; "" where all is well


@final
class Health(Observer):
    """Listens to the loop, and says how the run is from any other thread.

    Alive: the loop was heard of within `hang_after_s` (a poll that brings nothing counts, so a quiet stream is alive).
    Before its first poll the run builds its model, which may have to be compiled, and restores a checkpoint: it is
    alive however long that takes, and not ready.

    Ready: it is alive, has polled its source since it started, and neither the source nor a sink is in trouble.

    >>> from streammtl.clock import ManualClock
    >>> clock = ManualClock()
    >>> health = Health(clock, hang_after_s=60.0)
    >>> health.readiness().reason
    'starting: the model is built and the newest checkpoint is restored'
    >>> health.polled(0, 0.25)
    >>> health.readiness().ok, health.liveness().ok
    (True, True)
    >>> clock.advance(61)
    >>> health.liveness().reason
    'the loop was last heard of 61 s ago; more than 60 s is taken for a hang'
    """

    def __init__(self, clock: Clock, hang_after_s: float) -> None:
        self._clock = clock
        self._hang_after_s = hang_after_s
        self._heard_s: float | None = None
        self._turned_s: float | None = None
        self._trouble = ""
        self._retry_s = 0.0
        self._ended = False
        self.n_troubles = 0

    # -- what the loop tells

    def polled(self, n_records: int, seconds: float) -> None:
        """The source answers."""
        self._heard_s = self._clock.monotonic()

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """A turn ended."""
        self._heard_s = self._turned_s = self._clock.monotonic()

    def saved(self, saved: Saved) -> None:
        """A checkpoint was written; the first one before the first poll, which does not end the start."""
        self._hear_again()

    def save_failed(self, error: Exception) -> None:
        """A checkpoint could not be written."""
        self._hear_again()

    def troubled(self, error: Exception, retry_s: float) -> None:
        """The source or a sink does not answer."""
        self.n_troubles += 1
        self._retry_s = retry_s
        self._trouble = f"{type(error).__name__}: {error}"[:_MAX_REASON]
        self._hear_again()

    def recovered(self) -> None:
        """All answer again."""
        self._trouble, self._retry_s = "", 0.0
        self._hear_again()

    def ended(self) -> None:
        """The run is over, or about to be."""
        self._ended = True

    def _hear_again(self) -> None:
        if self._heard_s is not None:
            self._heard_s = self._clock.monotonic()

    # -- what others ask

    @property
    def has_ended(self) -> bool:
        """Whether the run is over."""
        return self._ended

    @property
    def is_troubled(self) -> bool:
        """Whether the source or a sink does not answer."""
        return bool(self._trouble)

    def silence_s(self) -> float:
        """Seconds since the loop was last heard of; 0 before its first poll."""
        return 0.0 if self._heard_s is None else max(0.0, self._clock.monotonic() - self._heard_s)

    def idle_s(self) -> float | None:
        """Seconds since the last turn; None before the first."""
        return None if self._turned_s is None else max(0.0, self._clock.monotonic() - self._turned_s)

    def liveness(self) -> Verdict:
        """Whether the loop goes on."""
        silence_s, allowed_s = self.silence_s(), self._hang_after_s + self._retry_s
        if self._ended or silence_s <= allowed_s:
            return Verdict(True, "")
        return Verdict(
            False, f"the loop was last heard of {silence_s:.0f} s ago; more than {allowed_s:.0f} s is taken for a hang"
        )

    def readiness(self) -> Verdict:
        """Whether records are taken and results published."""
        if self._ended:
            return Verdict(False, "the run has ended")
        if self._trouble:
            return Verdict(False, f"in trouble, tried again and again: {self._trouble}")
        if self._heard_s is None:
            return Verdict(False, "starting: the model is built and the newest checkpoint is restored")
        return self.liveness()
