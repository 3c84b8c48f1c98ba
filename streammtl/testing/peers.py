"""Checks that every peer passes.

    @pytest.mark.parametrize("kind", sorted(members("peers")))
    def test_it_predicts_before_it_learns(kind):
        check_predicts_before_it_learns(members("peers")[kind].Config())

Shape suffixes as in `streammtl.types`.
"""

from __future__ import annotations

import numpy as np

from streammtl.errors import CheckpointError
from streammtl.models.base import Model
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import LAYOUT, example_ops, example_tasks, run
from streammtl.types import Ops

_WEIGHTS = (1.0, 1.0, 1.0, 1.0)


def check_predicts_before_it_learns(config: Model.Config) -> None:
    """A PREDICT before LEARNs in one call gives what it gives alone; after them, something else."""
    ops = example_ops(100)
    learns = np.flatnonzero(ops.is_learn_N)
    order = np.concatenate(([0], learns, [0]))  # operation 0 is a PREDICT
    both = Ops(ops.is_learn_N[order], ops.row_N[order], ops.labels_NT[order], ops.dense_RD, ops.category_RC)
    alone = Ops(ops.is_learn_N[:1], ops.row_N[:1], ops.labels_NT[:1], ops.dense_RD, ops.category_RC)
    first_O = config.build(LAYOUT, example_tasks()).advance(alone, np.ones(4)).outputs_PO[0]
    before_O, after_O = config.build(LAYOUT, example_tasks()).advance(both, np.ones(4)).outputs_PO
    np.testing.assert_array_equal(before_O, first_O)
    assert (after_O != first_O).any()


def check_cuts_do_not_matter(config: Model.Config) -> None:
    """Outputs and state are the same to the last bit however the operations are cut into calls."""
    ops = example_ops(60)
    whole = config.build(LAYOUT, example_tasks(), seed=3)
    outputs_PO = run(whole, ops, _WEIGHTS)
    for size in (1, 7):
        peer = config.build(LAYOUT, example_tasks(), seed=3)
        np.testing.assert_array_equal(run(peer, ops, _WEIGHTS, size), outputs_PO, err_msg=f"cut into {size}")
        np.testing.assert_array_equal(peer.state()["n_learned"], whole.state()["n_learned"])


def check_publishes_what_tasks_publish(config: Model.Config) -> None:
    """From the first event on: finite numbers, probabilities that are some, counts that are not negative."""
    tasks, ops = example_tasks(), example_ops(120)
    outputs_PO = run(config.build(LAYOUT, tasks), ops, _WEIGHTS)
    assert outputs_PO.shape == (120, sum(task.n_outputs for task in tasks))
    assert np.isfinite(outputs_PO).all()
    high_P, bands_P4, visits_P = outputs_PO[:, 0], outputs_PO[:, 1:5], outputs_PO[:, 6]
    assert ((high_P >= 0.0) & (high_P <= 1.0)).all()
    np.testing.assert_allclose(bands_P4.sum(axis=1), 1.0, atol=1e-5)
    assert (visits_P >= 0.0).all()


def check_absent_label_is_not_learned(config: Model.Config) -> None:
    """A task without labels publishes to the end what it published first; the others go on learning."""
    ops = example_ops(60)
    labels_NT = ops.labels_NT.copy()
    labels_NT[:, 2] = np.nan
    is_learn_N = ops.is_learn_N & ~np.isnan(labels_NT).all(axis=1)
    keep_N = is_learn_N | ~ops.is_learn_N
    ops = Ops(is_learn_N[keep_N], ops.row_N[keep_N], labels_NT[keep_N], ops.dense_RD, ops.category_RC)
    peer = config.build(LAYOUT, example_tasks())
    amount_P = run(peer, ops, _WEIGHTS)[:, 5]
    assert (amount_P == amount_P[0]).all()
    n_learned_T = peer.state()["n_learned"]
    assert n_learned_T[2] == 0
    assert (n_learned_T[[0, 1, 3]] > 0).all()


def check_cannot_be_restored(config: Model.Config) -> None:
    """`load` refuses what `state` gave."""
    peer = config.build(LAYOUT, example_tasks())
    run(peer, example_ops(5), _WEIGHTS)
    try:
        peer.load(peer.state())
    except CheckpointError:
        return
    raise AssertionError("a peer took over a state that does not hold what it learned")


def check_follows_labels_that_last(config: Model.Config) -> None:
    """Where the features say the label, or it never changes, each kind of task comes close to it."""
    n_rows = 400
    rng = np.random.default_rng(0)
    dense_RD = np.column_stack((rng.normal(size=n_rows), np.zeros(n_rows), np.zeros(n_rows))).astype(np.float32)
    labels_RT = np.tile([1.0, 2.0, 7.0, 3.0], (n_rows, 1))
    row_N = np.repeat(np.arange(n_rows), 2)
    is_learn_N = np.tile([False, True], n_rows)
    labels_NT = np.where(is_learn_N[:, None], labels_RT[row_N], np.nan)
    category_RC = np.ones((n_rows, 1), dtype=np.int32)
    tasks = (
        BinaryTask.Config().build("yes"),
        MulticlassTask.Config(max_classes=4).build("band"),
        RegressionTask.Config().build("amount"),
        CountTask.Config().build("visits"),
    )
    ops = Ops(is_learn_N, row_N, labels_NT, dense_RD, category_RC)
    late_O = run(config.build(LAYOUT, tasks), ops, _WEIGHTS)[-1]
    assert late_O[0] > 0.7
    assert late_O[1:5].argmax() == 2
    np.testing.assert_allclose(late_O[5:], [7.0, 3.0], atol=0.7)
