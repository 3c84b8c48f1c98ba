"""Every exported metric, declared once: its name, type, unit, labels, meaning, and where its value comes from.

Counters count since this process took its first record, as Prometheus expects it; what a checkpoint carries over a
restart is exported as gauges, under names that begin with `streammtl_stream_`. Labels have few values, all of which
follow from the configuration: tasks, experts, watched columns, and fixed sets of words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from streammtl.ops.samples import (
    Samples,
    Scrape,
    by,
    count,
    event_time_lag,
    experts,
    gain,
    of_tasks,
    one,
    process,
    saved,
    scores,
    stream,
    turn_seconds,
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One exported metric."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    unit: str  # a base unit, or what is counted; "" for plain numbers
    meaning: str
    read: Callable[[Scrape], Samples]
    labels: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    # -- the process
    Metric(
        "streammtl_build_info",
        "gauge",
        "",
        "1; its labels say what runs.",
        lambda scrape: {scrape.build: 1.0},
        ("version", "python", "torch"),
    ),
    Metric(
        "streammtl_run_info",
        "gauge",
        "",
        "1; its labels say how it was configured.",
        lambda scrape: {scrape.run: 1.0},
        ("run", "model", "weighting"),
    ),
    Metric(
        "streammtl_ready",
        "gauge",
        "",
        "1 if the run is restored, and its source and sinks answer; as /readyz says.",
        lambda scrape: one(float(scrape.is_ready)),
    ),
    Metric(
        "streammtl_troubled",
        "gauge",
        "",
        "1 while the source or a sink does not answer and is tried again.",
        lambda scrape: one(float(scrape.is_troubled)),
    ),
    Metric(
        "streammtl_troubles_total",
        "counter",
        "failures",
        "Times that the source or a sink did not answer, repeated tries included.",
        lambda scrape: one(scrape.n_troubles),
    ),
    Metric(
        "streammtl_silence_seconds",
        "gauge",
        "seconds",
        "Since the loop was last heard of; a quiet stream is polled several times per second.",
        lambda scrape: one(scrape.silence_s),
    ),
    Metric(
        "streammtl_idle_seconds",
        "gauge",
        "seconds",
        "Since the last turn, which is since records last came.",
        lambda scrape: one(scrape.idle_s),
    ),
    Metric(
        "streammtl_snapshot_age_seconds",
        "gauge",
        "seconds",
        "Age of the figures of this scrape; those of a quiet stream are older, and still right.",
        lambda scrape: one(max(0.0, scrape.now_s - scrape.snapshot.taken_s) if scrape.snapshot.taken_s else None),
    ),
    Metric("process_cpu_seconds_total", "counter", "seconds", "Processor time.", process("process_cpu_seconds_total")),
    Metric(
        "process_resident_memory_bytes",
        "gauge",
        "bytes",
        "Resident memory.",
        process("process_resident_memory_bytes"),
    ),
    Metric(
        "process_virtual_memory_bytes", "gauge", "bytes", "Virtual memory.", process("process_virtual_memory_bytes")
    ),
    Metric(
        "process_start_time_seconds",
        "gauge",
        "seconds",
        "When the process began, since the epoch.",
        process("process_start_time_seconds"),
    ),
    Metric("process_open_fds", "gauge", "files", "Open file descriptors.", process("process_open_fds")),
    Metric("process_max_fds", "gauge", "files", "File descriptors allowed.", process("process_max_fds")),
    # -- what came, and what became of it
    Metric("streammtl_records_total", "counter", "records", "Records taken from the source.", count("records")),
    Metric("streammtl_events_total", "counter", "events", "New events: predicted and published.", count("events")),
    Metric("streammtl_labels_total", "counter", "labels", "Labels scored and learned from.", count("labels")),
    Metric(
        "streammtl_rejected_total",
        "counter",
        "records",
        "Records that could not be used; `streammtl.decode.REASONS` explains the reasons.",
        lambda scrape: by(scrape.snapshot.rejected),
        ("reason",),
    ),
    Metric(
        "streammtl_unknown_fields_total",
        "counter",
        "fields",
        "Fields that the schema does not name and that were ignored, in the records whose offset is a multiple of 64.",
        count("unknown_fields"),
    ),
    Metric(
        "streammtl_published_total",
        "counter",
        "documents",
        "Documents handed to the sinks that are configured: predictions, metrics, rejects.",
        lambda scrape: by(scrape.snapshot.published),
        ("sink",),
    ),
    Metric(
        "streammtl_unconfirmed_documents",
        "gauge",
        "documents",
        "Documents that a sink has taken and not yet confirmed.",
        lambda scrape: one(scrape.snapshot.n_waiting),
    ),
    Metric(
        "streammtl_skipped_total",
        "counter",
        "records",
        "Records that were gone (by retention, say) before they could be read, and were passed over as configured.",
        lambda scrape: one(scrape.snapshot.n_skipped),
    ),
    Metric(
        "streammtl_stream_records", "gauge", "records", "Records since the beginning of the stream.", stream("records")
    ),
    Metric("streammtl_stream_events", "gauge", "events", "Events since the beginning of the stream.", stream("events")),
    Metric("streammtl_stream_labels", "gauge", "labels", "Labels since the beginning of the stream.", stream("labels")),
    Metric(
        "streammtl_lag_records",
        "gauge",
        "records",
        "Records that are there and have not been read; only where the source can tell.",
        lambda scrape: one(scrape.snapshot.lag_records),
    ),
    Metric(
        "streammtl_lag_seconds",
        "gauge",
        "seconds",
        "Time since the last record that was read was written, 0 at the end; only where the source can tell.",
        lambda scrape: one(scrape.snapshot.lag_seconds),
    ),
    Metric(
        "streammtl_event_time_seconds",
        "gauge",
        "seconds",
        "Largest event time that this process has seen, since the epoch.",
        lambda scrape: one(scrape.snapshot.event_time_s),
    ),
    Metric(
        "streammtl_event_time_lag_seconds",
        "gauge",
        "seconds",
        "How far event time is behind the clock; 0 where it is ahead. It grows while no event comes.",
        event_time_lag,
    ),
    # -- where the time goes
    Metric(
        "streammtl_stage_seconds_total",
        "counter",
        "seconds",
        "Time in each stage of the loop: source, decode, join, learn, publish, evaluate, watch, checkpoint.",
        lambda scrape: by(scrape.snapshot.stage_seconds),
        ("stage",),
    ),
    Metric(
        "streammtl_turn_seconds",
        "histogram",
        "seconds",
        "Time of a turn, from decoding to watching; without waiting for records.",
        turn_seconds,
    ),
    # -- learning
    Metric("streammtl_steps_total", "counter", "steps", "Steps of the optimizer.", count("steps")),
    Metric(
        "streammtl_steps_skipped_total",
        "counter",
        "steps",
        "Steps not taken because a loss or a gradient was not finite.",
        count("steps_skipped"),
    ),
    Metric(
        "streammtl_loss",
        "gauge",
        "",
        "Mean loss per label in the latest turn with a label of the task, in the units in which the model learns.",
        lambda scrape: by(scrape.snapshot.losses),
        ("task",),
    ),
    Metric(
        "streammtl_task_weight",
        "gauge",
        "",
        "Weight of the task's loss, as the weighting has set it.",
        lambda scrape: by(scrape.snapshot.weights),
        ("task",),
    ),
    Metric(
        "streammtl_expert_share_ratio",
        "gauge",
        "ratio",
        "Share of the expert in the task's predictions; only of models that mix experts.",
        experts("shares"),
        ("task", "expert"),
    ),
    Metric(
        "streammtl_expert_loss",
        "gauge",
        "",
        "Mean loss of the expert on the task's last labels.",
        experts("losses"),
        ("task", "expert"),
    ),
    Metric(
        "streammtl_sharing_gain_ratio",
        "gauge",
        "ratio",
        "Part of its loss that the task saves by sharing a network; only with an expert of `scope: single`.",
        lambda scrape: by(scrape.snapshot.insights.get("sharing", {})),
        ("task",),
    ),
    Metric(
        "streammtl_stream_revived",
        "gauge",
        "networks",
        "Networks that were replaced because they could learn no more, since the beginning of the stream.",
        lambda scrape: one(scrape.snapshot.insights.get("revived")),
    ),
    # -- how well it does
    Metric(
        "streammtl_score",
        "gauge",
        "",
        "Prequential score of what was published. `over`: running (all labels), fading, or windowed.",
        scores(published=True),
        ("task", "score", "over"),
    ),
    Metric(
        "streammtl_no_change_score",
        "gauge",
        "",
        "The same score of the prediction that nothing changes: the last label again.",
        scores(published=False),
        ("task", "score", "over"),
    ),
    Metric(
        "streammtl_gain_over_no_change",
        "gauge",
        "",
        "The task's primary score less that of no change, windowed; the sign is such that more is better.",
        of_tasks(gain),
        ("task",),
    ),
    Metric(
        "streammtl_composite_score",
        "gauge",
        "",
        "The composite of the tasks' primary scores, where `scores.composite` configures one.",
        lambda scrape: one(scrape.snapshot.composite),
    ),
    # -- labels
    Metric(
        "streammtl_stream_task_labels",
        "gauge",
        "labels",
        "Labels of the task that somebody sent, since the beginning of the stream.",
        of_tasks(lambda task: task.labels),
        ("task",),
    ),
    Metric(
        "streammtl_stream_task_expiries",
        "gauge",
        "labels",
        "Labels that stand for an expired horizon, since the beginning of the stream.",
        of_tasks(lambda task: task.expiries),
        ("task",),
    ),
    Metric(
        "streammtl_stream_task_unscored",
        "gauge",
        "labels",
        "Labels whose published prediction was not finite, since the beginning of the stream.",
        of_tasks(lambda task: task.unscored),
        ("task",),
    ),
    Metric(
        "streammtl_label_coverage_ratio",
        "gauge",
        "ratio",
        "Labels per event.",
        of_tasks(lambda task: task.coverage),
        ("task",),
    ),
    Metric(
        "streammtl_label_delay_mean_seconds",
        "gauge",
        "seconds",
        "Event time from events to their labels: the mean.",
        of_tasks(lambda task: task.delay_mean_s),
        ("task",),
    ),
    Metric(
        "streammtl_label_delay_max_seconds",
        "gauge",
        "seconds",
        "Event time from events to their labels: the longest.",
        of_tasks(lambda task: task.delay_max_s),
        ("task",),
    ),
    Metric(
        "streammtl_join_total",
        "counter",
        "labels or events",
        "What the join saw: matched, orphan, late, duplicate, contradictory and expired labels; duplicate and "
        "evicted events.",
        lambda scrape: by(scrape.snapshot.join),
        ("outcome",),
    ),
    Metric(
        "streammtl_remembered_events",
        "gauge",
        "events",
        "Events that are remembered; `join.capacity` bounds them.",
        lambda scrape: one(scrape.snapshot.remembered),
    ),
    Metric(
        "streammtl_pending_events",
        "gauge",
        "events",
        "Remembered events that still await a label; counted more rarely than the rest.",
        lambda scrape: one(scrape.snapshot.pending),
    ),
    # -- drift
    Metric(
        "streammtl_drift_alarms_total",
        "counter",
        "alarms",
        "Drift alarms. `subject`: error or prediction of a task, or feature; `name`: of the task or the column.",
        lambda scrape: {key: float(count) for key, count in scrape.snapshot.alarms.items()},
        ("subject", "name"),
    ),
    # -- checkpoints
    Metric("streammtl_checkpoints_total", "counter", "checkpoints", "Checkpoints that were written.", saved("saved")),
    Metric(
        "streammtl_checkpoint_failures_total",
        "counter",
        "checkpoints",
        "Checkpoints that could not be written.",
        saved("failures"),
    ),
    Metric(
        "streammtl_checkpoint_age_seconds",
        "gauge",
        "seconds",
        "Since this process last wrote a checkpoint; none is due while no record comes.",
        saved("age"),
    ),
    Metric(
        "streammtl_checkpoint_unsaved_records",
        "gauge",
        "records",
        "Records taken since the last checkpoint.",
        saved("unsaved"),
    ),
    Metric("streammtl_checkpoint_size_bytes", "gauge", "bytes", "Size of the last checkpoint.", saved("size")),
    Metric(
        "streammtl_checkpoint_write_seconds",
        "gauge",
        "seconds",
        "What the last checkpoint took, flushing the sinks included.",
        saved("seconds"),
    ),
)
