"""Checks that every model passes, and the small streams of operations that they run on.

    @pytest.mark.parametrize("kind", sorted(members("models")))
    def test_cuts_do_not_matter(kind):
        check_cuts_do_not_matter(members("models")[kind].Config())

Shape suffixes as in `streammtl.types`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from streammtl.models.base import Model
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Bools, Floats, Ops, RowLayout, State
from streammtl.weighting.base import ApplyTo, Needs

#: Three dense columns, of which the last is not standardised, and one categorical column.
LAYOUT = RowLayout(("a", "b", "c"), (True, True, False), ("m",), (7,))


def example_tasks() -> tuple[Task, ...]:
    """One task of each kind."""
    return (
        BinaryTask.Config().build("is_high"),
        MulticlassTask.Config(max_classes=4).build("band"),
        RegressionTask.Config(loss="huber").build("amount"),
        CountTask.Config().build("visits"),
    )


def example_ops(n_events: int, seed: int = 0) -> Ops:
    """Events with labels of `example_tasks`: at once or later, for all tasks, for some, or for none."""
    rng = np.random.default_rng(seed)
    dense_RD = rng.normal(size=(n_events, 3)).astype(np.float32) * np.array([1.0, 50.0, 1.0], dtype=np.float32)
    category_RC = rng.integers(0, 7, size=(n_events, 1)).astype(np.int32)
    amount_R = 1000.0 + 30.0 * dense_RD[:, 0] - dense_RD[:, 1]
    labels_RT = np.column_stack(
        (amount_R > 1000.0, np.minimum(3, category_RC[:, 0] // 2), amount_R, rng.poisson(np.exp(dense_RD[:, 2])))
    ).astype(np.float64)
    dense_RD[rng.random(dense_RD.shape) < 0.1] = np.nan
    labels_RT[rng.random(labels_RT.shape) < 0.3] = np.nan

    operations: list[tuple[int, bool]] = []
    late: list[int] = []
    for row in range(n_events):
        operations.append((row, False))
        if np.isnan(labels_RT[row]).all():
            continue
        late.append(row)
        if rng.random() < 0.5:  # now and then, all labels that are due arrive
            operations.extend((due, True) for due in late)
            late = []
    row_N = np.array([row for row, _ in operations], dtype=np.int64)
    is_learn_N = np.array([is_learn for _, is_learn in operations])
    return Ops(is_learn_N, row_N, _labels_of_learns(labels_RT[row_N], is_learn_N), dense_RD, category_RC)


def _labels_of_learns(labels_NT: Floats, is_learn_N: Bools) -> Floats:
    return np.where(is_learn_N[:, None], labels_NT, np.nan)


def cut(ops: Ops, size: int) -> Iterator[Ops]:
    """The same operations in pieces; each has only the feature rows that it names, in another order."""
    for start in range(0, len(ops), size):
        here = slice(start, start + size)
        rows_R, row_N = np.unique(ops.row_N[here], return_inverse=True)
        rows_R = rows_R[::-1]
        yield Ops(
            ops.is_learn_N[here],
            len(rows_R) - 1 - row_N,
            ops.labels_NT[here],
            ops.dense_RD[rows_R],
            ops.category_RC[rows_R],
        )


def run(model: Model, ops: Ops, weights_T: Sequence[float], size: int = 5000) -> Floats:
    """The published outputs of all PREDICT operations, with the stream cut into pieces of this size."""
    weights = np.array(weights_T)
    return np.concatenate([model.advance(piece, weights).outputs_PO for piece in cut(ops, size)])


def flat_state(state: State, prefix: str = "") -> dict[str, bytes]:
    """Every leaf of a state as bytes, by its path."""
    leaves: dict[str, bytes] = {}
    for key, value in state.items():
        if isinstance(value, dict):
            leaves.update(flat_state(value, f"{prefix}{key}/"))
        elif isinstance(value, np.ndarray):
            leaves[prefix + key] = str((value.dtype, value.shape)).encode() + value.tobytes()
        else:
            leaves[prefix + key] = repr(value).encode()
    return leaves


def assert_same_state(state: State, other: State) -> None:
    """Equal to the last bit; names the leaves that differ."""
    leaves, others = flat_state(state), flat_state(other)
    assert leaves.keys() == others.keys()
    assert [path for path in leaves if leaves[path] != others[path]] == []


_WEIGHTS = (1.0, 0.5, 2.0, 1.5)
#: A model may compile for what is needed: so the checks ask for everything or for nothing.
ALL_NEEDS = Needs.LOSSES | Needs.LOSSES_AFTER | Needs.GRAMIAN


def check_cuts_do_not_matter(config: Model.Config) -> None:
    """Outputs, signals and state are equal to the last bit however the operations are cut into calls."""
    ops = example_ops(200)
    whole = config.build(LAYOUT, example_tasks(), ALL_NEEDS)
    outputs_PO = run(whole, ops, _WEIGHTS)
    state = whole.state()
    signals = whole.take_signals()
    for size in (1, 7, 64):
        model = config.build(LAYOUT, example_tasks(), ALL_NEEDS)
        np.testing.assert_array_equal(run(model, ops, _WEIGHTS, size), outputs_PO, err_msg=f"cut into {size}")
        assert_same_state(model.state(), state)
        np.testing.assert_array_equal(model.take_signals().losses_T, signals.losses_T)


def check_state_resumes(config: Model.Config) -> None:
    """A model that loads a state goes on, to the last bit, as the one that it was taken from."""
    model, resumed = (config.build(LAYOUT, example_tasks(), ALL_NEEDS) for _ in range(2))
    run(model, example_ops(111, seed=1), _WEIGHTS)
    state = model.state()
    before = flat_state(state)
    outputs_PO = run(model, example_ops(150, seed=2), _WEIGHTS)
    assert flat_state(state) == before, "a state that was handed out changed afterwards"
    resumed.load(state)
    assert_same_state(resumed.state(), state)
    np.testing.assert_array_equal(run(resumed, example_ops(150, seed=2), _WEIGHTS), outputs_PO)
    assert_same_state(resumed.state(), model.state())


def check_unlabelled_task_changes_nothing(config: Model.Config, apply_to: ApplyTo = "trunk") -> None:
    """Tasks that never have a label change no output of the others, wherever they stand."""
    tasks, ops = example_tasks(), example_ops(150)
    outputs_PO = run(config.build(LAYOUT, tasks, apply_to=apply_to), ops, _WEIGHTS)
    idle = (RegressionTask.Config().build("a_first"), MulticlassTask.Config(max_classes=9).build("z_last"))
    absent_N1 = np.full((len(ops), 1), np.nan)
    labels_NT = np.hstack((absent_N1, ops.labels_NT, absent_N1))
    more = Ops(ops.is_learn_N, ops.row_N, labels_NT, ops.dense_RD, ops.category_RC)
    model = config.build(LAYOUT, (idle[0], *tasks, idle[1]), apply_to=apply_to)
    more_PO = run(model, more, (3.0, *_WEIGHTS, 3.0))
    np.testing.assert_array_equal(more_PO[:, 1 : 1 + outputs_PO.shape[1]], outputs_PO)


def check_order_of_tasks_changes_nothing(config: Model.Config) -> None:
    """Naming the tasks in another order gives the same outputs."""
    tasks, ops = example_tasks(), example_ops(150)
    outputs_PO = run(config.build(LAYOUT, tasks), ops, _WEIGHTS)
    turned = Ops(ops.is_learn_N, ops.row_N, ops.labels_NT[:, ::-1].copy(), ops.dense_RD, ops.category_RC)
    turned_PO = run(config.build(LAYOUT, tasks[::-1]), turned, _WEIGHTS[::-1])
    end = 0
    for task in tasks[::-1]:
        start = sum(other.n_outputs for other in tasks[: tasks.index(task)])
        columns = slice(start, start + task.n_outputs)
        np.testing.assert_array_equal(turned_PO[:, end : end + task.n_outputs], outputs_PO[:, columns])
        end += task.n_outputs


def check_predict_sees_nothing_later(config: Model.Config) -> None:
    """A PREDICT before a LEARN in one call gives what it gives alone; enough LEARNs later it gives something else."""
    alone, ops = config.build(LAYOUT, example_tasks()), example_ops(150)
    learns = np.flatnonzero(ops.is_learn_N)
    order = np.concatenate(([0], learns, [0]))
    both = Ops(
        ops.is_learn_N[order], ops.row_N[order], ops.labels_NT[order], ops.dense_RD, ops.category_RC
    )  # operation 0 is a PREDICT
    first_O = run(alone, next(cut(ops, 1)), _WEIGHTS)[0]
    before_O, after_O = run(config.build(LAYOUT, example_tasks()), both, _WEIGHTS)
    np.testing.assert_array_equal(before_O, first_O)
    assert (after_O != first_O).all()


def check_stays_finite(config: Model.Config, seed: int = 0) -> None:
    """Outputs and state stay finite whatever finite or missing features and labels arrive."""
    rng = np.random.default_rng(seed)
    n_rows, tasks = 100, example_tasks()
    largest = float(np.finfo(np.float32).max)
    wild = np.array([np.nan, 0.0, 1.0, -1.0, 1e-40, 1e30, -1e30, largest, -largest, np.inf])
    dense_RD = rng.choice(wild, size=(n_rows, 3)).astype(np.float32)
    labels_RT = np.column_stack(
        (
            rng.choice([0.0, 1.0, np.nan], size=n_rows),
            rng.choice([0.0, 1.0, 2.0, 3.0, np.nan], size=n_rows),
            rng.choice([np.nan, 0.0, 1.0, -1e30, 1e30, 1e-30, 7e12], size=n_rows),
            rng.choice([0.0, 1.0, 1e12, 1e-30], size=n_rows),
        )
    )
    row_N = np.repeat(np.arange(n_rows), 2)
    is_learn_N = np.tile([False, True], n_rows)
    category_RC = rng.integers(0, 7, size=(n_rows, 1)).astype(np.int32)
    ops = Ops(is_learn_N, row_N, _labels_of_learns(labels_RT[row_N], is_learn_N), dense_RD, category_RC)
    model = config.build(LAYOUT, tasks, ALL_NEEDS)
    assert np.isfinite(run(model, ops, _WEIGHTS)).all()
    _assert_finite(model.state())


def _assert_finite(state: State, path: str = "") -> None:
    for key, value in state.items():
        if isinstance(value, dict):
            if key != "waiting":  # features and labels as they came: NaN is absent
                _assert_finite(value, f"{path}{key}/")
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert np.isfinite(value).all(), path + key


def check_learns_a_linear_function(config: Model.Config) -> None:
    """After some thousand events, a linear function of two features is predicted from new events."""
    rng = np.random.default_rng(0)
    n_rows = 6000
    dense_RD = (rng.normal(size=(n_rows, 3)) * [1.0, 1e4, 0.0]).astype(np.float32)
    value_R = 5e6 + 1e6 * (2.0 * dense_RD[:, 0] - dense_RD[:, 1] / 1e4)
    labels_RT = np.column_stack((value_R, value_R > 5e6)).astype(np.float64)
    row_N = np.repeat(np.arange(n_rows), 2)
    is_learn_N = np.tile([False, True], n_rows)
    labels_NT = _labels_of_learns(labels_RT[row_N], is_learn_N)
    ops = Ops(is_learn_N, row_N, labels_NT, dense_RD, np.zeros((n_rows, 1), dtype=np.int32))
    tasks = (RegressionTask.Config().build("value"), BinaryTask.Config().build("is_high"))
    model = config.build(LAYOUT, tasks)
    late_PO = run(model, ops, (1.0, 1.0))[-1000:]
    residual = float(np.mean((late_PO[:, 0] - value_R[-1000:]) ** 2) / np.var(value_R[-1000:]))
    assert residual < 0.1
    assert np.mean((late_PO[:, 1] > 0.5) == (value_R[-1000:] > 5e6)) > 0.9


def check_signals_are_those_needed(config: Model.Config) -> None:
    """Losses of labelled tasks only; what the weighting does not need is not there; taking them starts anew."""
    ops = example_ops(200)
    labels_NT = ops.labels_NT.copy()
    labels_NT[:, 1] = np.nan  # `band` never has a label
    ops = Ops(ops.is_learn_N, ops.row_N, labels_NT, ops.dense_RD, ops.category_RC)
    plain = config.build(LAYOUT, example_tasks())
    run(plain, ops, _WEIGHTS)
    signals = plain.take_signals()
    assert signals.losses_after_T is None
    assert signals.gramian_TT is None
    assert signals.n_labels_T[1] == 0
    np.testing.assert_array_equal(np.isnan(signals.losses_T), [False, True, False, False])
    assert not plain.take_signals().n_labels_T.any()

    needy = config.build(LAYOUT, example_tasks(), ALL_NEEDS)
    run(needy, ops, _WEIGHTS)
    signals = needy.take_signals()
    assert signals.losses_after_T is not None
    assert signals.gramian_TT is not None
    np.testing.assert_array_equal(np.isnan(signals.losses_after_T), [False, True, False, False])
    active = [0, 2, 3]
    assert (signals.losses_after_T[active] < signals.losses_T[active]).any()
    gramian = signals.gramian_TT[np.ix_(active, active)]
    np.testing.assert_allclose(gramian, gramian.T)
    assert np.linalg.eigvalsh(gramian).min() >= -1e-9 * np.abs(gramian).max()
    assert (np.diag(gramian) > 0.0).all()


def check_constant_labels_give_no_signal(config: Model.Config) -> None:
    """A loss without a unit is no signal: near 0, it would take all the weight of a rule that weighs by 1 / loss."""
    ops = example_ops(200)
    labels_NT = ops.labels_NT.copy()
    labels_NT[:, 2] = np.where(np.isnan(labels_NT[:, 2]), np.nan, 5.0)  # every `amount` is the same
    model = config.build(LAYOUT, example_tasks())
    run(model, Ops(ops.is_learn_N, ops.row_N, labels_NT, ops.dense_RD, ops.category_RC), _WEIGHTS)
    signals = model.take_signals()
    np.testing.assert_array_equal(signals.n_labels_T > 0, [True, True, False, True])
    assert np.isnan(signals.losses_T[2])

    run(model, ops, _WEIGHTS)  # now they differ
    assert (model.take_signals().n_labels_T > 0).all()
