"""Training and prediction where TensorFlow cannot be imported."""

import os
import pathlib
import subprocess
import sys
import textwrap

import keras
import pytest

BLOCKED = ("tensorflow", "tensorflow_text", "tf_keras")


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="needs TensorFlow"
)
def test_package_trains_and_predicts(tmp_path):
    pytest.importorskip("tensorflow", reason="then all tests are without it")
    for name in BLOCKED:
        (tmp_path / f"{name}.py").write_text("raise ImportError('blocked')\n")
    (tmp_path / "tensorboard.py").write_text("raise ImportError('blocked')\n")
    tests = pathlib.Path(__file__).parent
    script = textwrap.dedent(
        """
        import sys

        import keras
        from stages import test_stages
        import ulmfit_keras as ulmfit

        language_model = test_stages._language_model()
        texts = ["good film", "bad film"] * 20
        ulmfit.finetune_language_model(
            language_model, texts, epochs=1, verbose=0
        )
        language_model.save_to_preset(sys.argv[1])
        language_model = ulmfit.models.AWDLSTMCausalLM.from_preset(sys.argv[1])
        assert language_model.predict(texts[:2], verbose=0).shape[0] == 2
        classifier = ulmfit.train_classifier(
            language_model, texts, ["g", "b"] * 20, epochs=2, verbose=0
        )
        before = classifier.predict(["good film", ""])
        classifier.save(sys.argv[2])
        after = keras.saving.load_model(sys.argv[2]).predict(["good film", ""])
        assert abs(before - after).max() < 1e-5, (before, after)
        assert "tensorflow" not in sys.modules
        """
    )
    path = os.pathsep.join([str(tmp_path), str(tests)])
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            str(tmp_path / "preset"),
            str(tmp_path / "model.keras"),
        ],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tests.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-5000:]
