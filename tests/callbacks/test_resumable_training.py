"""A run that was broken off ends like the unbroken one."""

import errno
import os

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.callbacks import ResumableTraining
from ulmfit_keras.callbacks import resumable_training
from ulmfit_keras.callbacks.checkpoint_folder import CheckpointFolder
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import layer_groups
from ulmfit_keras.schedules import SlantedTriangular


class Batches(keras.utils.PyDataset):
    """Batches whose order follows from the epoch."""

    def __init__(self):
        super().__init__()
        self.epoch = 0
        generator = np.random.default_rng(0)
        self.x = generator.normal(size=(12, 3)).astype("float32")
        self.y = generator.normal(size=(12, 1)).astype("float32")

    def __len__(self):
        return 3

    def __getitem__(self, index):
        order = np.random.default_rng(self.epoch).permutation(12)
        rows = order[4 * index : 4 * index + 4]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.epoch += 1


def make_model():
    model = keras.Sequential(
        [
            keras.layers.Dense(4, activation="tanh", name="low"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dropout(0.3, seed=1),
            # On torch without a seed it draws from torch's own generator.
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1, name="top"),
        ]
    )
    model.build((None, 3))
    generator = np.random.default_rng(1)
    model.set_weights(
        [generator.uniform(size=w.shape) for w in model.get_weights()]
    )
    optimizer = keras.optimizers.Adam(SlantedTriangular(0.1, 12))
    model.compile(
        DiscriminativeOptimizer(optimizer, layer_groups(model)), "mse"
    )
    return model


class Crash(keras.callbacks.Callback):
    def __init__(self, batch):
        super().__init__()
        self.left = batch

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("crash")


def run(folder, extra=(), max_minutes=None):
    model = make_model()
    data = Batches()
    # Never better than the first epoch, so it brings back those weights.
    stopping = keras.callbacks.EarlyStopping(
        "loss", min_delta=1e9, patience=9, restore_best_weights=True
    )
    resumable = ResumableTraining(
        folder, data=data, callbacks=[stopping], max_minutes=max_minutes
    )
    history = model.fit(
        data,
        epochs=4,
        shuffle=False,
        verbose=0,
        callbacks=[GradualUnfreezing(), stopping, *extra, resumable],
    )
    return model, history, stopping


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    keras.utils.set_random_seed(0)
    return run(tmp_path_factory.mktemp("unbroken") / "run")


# Within a stage, and after the first step of a stage.
@pytest.mark.parametrize("batch", [5, 7])
def test_a_broken_run_ends_like_the_unbroken_one(tmp_path, unbroken, batch):
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError, match="crash"):
        run(folder, [Crash(batch)])
    model, history, stopping = run(folder)
    expected_model, expected_history, expected_stopping = unbroken
    assert history.epoch == expected_history.epoch
    assert history.history == expected_history.history
    assert stopping.wait == expected_stopping.wait
    for a, b in zip(
        model.variables + model.optimizer.variables,
        expected_model.variables + expected_model.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        )
    assert not folder.exists()
    assert model._initial_epoch is None


def test_slices_of_time_end_like_the_unbroken_run(tmp_path, unbroken):
    folder = tmp_path / "run"
    for epochs in range(1, 4):
        model, history, _ = run(folder, max_minutes=0)
        assert len(history.epoch) == epochs
        assert folder.exists()
    model, history, _ = run(folder, max_minutes=0)
    assert not folder.exists()
    assert history.history == unbroken[1].history
    for a, b in zip(model.variables, unbroken[0].variables, strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        )


def test_time_enough_changes_nothing(tmp_path, unbroken):
    _, history, _ = run(tmp_path / "run", max_minutes=60)
    assert history.history == unbroken[1].history
    assert not (tmp_path / "run").exists()


class Clock(keras.callbacks.Callback):
    """Time that passes at the ends of epochs only: 20, 40, 30, 10 seconds."""

    now = 1000.0

    def monotonic(self):
        return self.now

    def on_epoch_end(self, epoch, logs=None):
        self.now += (20, 40, 30, 10)[epoch]


# Another epoch has to fit, as long as the longest so far.
@pytest.mark.parametrize(
    ("seconds", "epochs"), [(39, 1), (41, 2), (99, 2), (101, 3), (131, 4)]
)
def test_it_stops_before_the_time_is_up(tmp_path, monkeypatch, seconds, epochs):
    clock = Clock()
    monkeypatch.setattr(resumable_training, "time", clock)
    _, history, _ = run(tmp_path / "run", [clock], max_minutes=seconds / 60)
    assert len(history.epoch) == epochs


def test_the_checkpoint_of_another_model_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        run(tmp_path, [Crash(4)])
    other = keras.Sequential([keras.layers.Dense(2)])
    other.build((None, 3))
    other.compile("sgd", "mse")
    callback = ResumableTraining(tmp_path)
    callback.set_model(other)
    with pytest.raises(ValueError, match="Received: folder="):
        callback.on_train_begin()


def test_the_checkpoint_of_a_run_with_other_callbacks_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        run(tmp_path, [Crash(5)])
    model = make_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"\[\] in place of \['EarlyStopping'"):
        model.fit(Batches(), verbose=0, callbacks=[ResumableTraining(tmp_path)])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Keras builds it there"
)
def test_a_model_that_is_not_built_is_refused_and_stays_usable(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((8, 3)), np.ones((8, 1))
    with pytest.raises(ValueError, match="must be built before"):
        model.fit(x, y, verbose=0, callbacks=[ResumableTraining(tmp_path)])
    model.fit(x, y, verbose=0)
    model.fit(x, y, verbose=0, callbacks=[ResumableTraining(tmp_path)])


def test_two_checkpoints_are_kept(tmp_path):
    folder = CheckpointFolder(tmp_path / "a" / "b")
    assert folder.load() is None
    for number in range(1, 5):
        folder.save(number, [np.full(3, number)], {"number": number})
    arrays, metadata = folder.load()
    np.testing.assert_array_equal(arrays[0], [4, 4, 4])
    assert metadata == {"number": 4}
    names = sorted(path.name for path in folder.path.iterdir())
    assert names == [
        "checkpoint-3.npz", "checkpoint-4.npz", "checkpoints.json",
    ]  # fmt: skip
    folder.clear()
    assert not folder.path.exists()


def damage_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        damage_byte,
        lambda path: path.write_bytes(path.read_bytes()[:50]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
    ],
    ids=["byte", "truncated", "empty", "missing"],
)
def test_a_damaged_checkpoint_costs_one_epoch(tmp_path, damage):
    folder = CheckpointFolder(tmp_path)
    for number in (1, 2):
        folder.save(number, [np.full(30, number)], {})
    damage(tmp_path / "checkpoint-2.npz")
    with pytest.warns(UserWarning, match="checkpoint-2.npz is damaged"):
        arrays, _ = folder.load()
    np.testing.assert_array_equal(arrays[0], np.full(30, 1))
    damage(tmp_path / "checkpoint-1.npz")
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="Received"):
        folder.load()


def test_a_damaged_list_of_checkpoints_is_named(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.save(1, [np.zeros(2)], {})
    (tmp_path / "checkpoints.json").write_text("[{")
    with pytest.raises(ValueError, match="Received: path=.*checkpoints.json"):
        folder.load()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_checkpoint(
    tmp_path, monkeypatch, failing
):
    folder = CheckpointFolder(tmp_path)
    folder.save(1, [np.ones(3)], {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(OSError, match="No space left"):
            folder.save(2, [np.zeros(3)], {})
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    folder = CheckpointFolder(tmp_path)
    (tmp_path / "checkpoint-9.npz").write_bytes(b"not in the index")
    (tmp_path / "checkpoint-9.npz.77.partial").write_bytes(b"half of it")
    assert folder.load() is None
    folder.save(1, [np.ones(2)], {})
    assert len(list(tmp_path.iterdir())) == 2


def test_files_with_objects_are_not_read(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.save(1, [np.array([{"a": 1}], dtype=object)], {})
    with pytest.raises(ValueError, match="allow_pickle"):
        folder.load()


def test_half_precision_variables_are_kept(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, dtype="bfloat16")])
    model.build((None, 3))
    model.compile("sgd", "mse")
    callback = ResumableTraining(tmp_path)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 1.0})
    kernel = ops.cast(model.layers[0].kernel, "float32")
    expected = np.array(ops.convert_to_numpy(kernel))
    model.layers[0].kernel.assign(ops.zeros((3, 2), "bfloat16"))
    callback.on_train_begin()
    kernel = ops.cast(model.layers[0].kernel, "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(kernel), expected)
