"""How a comparison was done, as the page and the tables state it."""

from __future__ import annotations

from streammtl.compare.statistics import LEVEL, MIN_SEEDS
from streammtl.compare.summary import Summary


def method(summary: Summary, has_world: bool) -> list[str]:
    """One statement per paragraph."""
    results = summary.results
    n_seeds = len(results.seeds)
    said = [
        "Every learner reads the same records in the same order, through the same decoding and the same joins with "
        "their delays, predicts each event before it learns anything of it, and is scored by the same code: each label "
        "against the prediction that was published for its event, from the first event on. The figure of a task is its "
        "primary score over the whole run.",
        f"Each learner ran with {n_seeds} seed{'s' if n_seeds > 1 else ''}. A seed sets the initial parameters, the "
        "hashing and whatever else is random in a learner; of a recorded stream the records stay the same, so the "
        "spread over seeds says nothing about other data. "
        + ("A simulated world is drawn anew with each seed, the same one for all learners. " if has_world else ""),
        f"Better, worse or within noise on a task: a paired t-test over the seeds against {results.reference} at "
        f"{LEVEL:.0%}, the false discovery rate over a learner's tasks controlled by Benjamini and Hochberg's method; "
        "intervals on a task are those of the t-distribution, since five values are too few for a bootstrap. "
        f"With fewer than {MIN_SEEDS} seeds, nothing is claimed.",
        "The mean difference over tasks is a rough figure: it averages R2, AUC and accuracy as if they had one unit. "
        "Its interval is a bootstrap over tasks (BCa, 9,999 resamples).",
        "Ranks: learners are ranked on each task by their mean over seeds, 1 is best, and the ranks are averaged over "
        "all tasks; Friedman's test and Nemenyi's critical difference (5 %) say whether mean ranks differ. Both take "
        "tasks for independent. Tasks of one stream are not: they share its events and a learner's parameters. So "
        "these tests, and the bootstrap over tasks, promise more than they hold; take "
        "them for what is at most certain.",
        "A regression with an R2 below -10, or a learner whose prediction was not finite, has diverged: it ranks last "
        "on that task and has no part in mean differences. A learner that has no finished run on some stream is not "
        "ranked.",
        "Time per event is processor time of the whole run, reading, decoding and scoring included, which all learners "
        "share; compilation is not in it. It is the least of the seeds, since what disturbs a run only adds to it.",
    ]
    if results.peers:
        said.append(
            "Peers have one model per task, and streammtl one for all tasks. They have their default settings; nothing "
            "was searched for them, while the defaults of streammtl were chosen on the recorded streams of its "
            "examples. River's linear models get standardised numbers and one-hot categories; its forests get "
            "categories as text unless said otherwise, Vowpal Wabbit numbers as they are."
        )
    return [paragraph.strip() for paragraph in said]
