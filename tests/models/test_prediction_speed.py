"""Fast ways that must not get lost, as ratios within one process."""

import time

import keras

from ulmfit_keras import models
from ulmfit_keras.data import LengthBuckets


def test_one_document_is_answered_without_a_pipeline():
    classifier = models.AWDLSTMTextClassifier(
        models.AWDLSTMBackbone(50, 8, 8, num_layers=1), num_classes=2
    )
    document = [[2, 5, 7, 9]]
    ways = {
        "direct": lambda: classifier.predict(document),
        "pipeline": lambda: keras.Model.predict(
            classifier, LengthBuckets(document), verbose=0
        ),
    }
    seconds = {name: [] for name in ways}
    for _ in range(9):
        for name, predict in ways.items():
            started = time.perf_counter()
            predict()
            seconds[name].append(time.perf_counter() - started)
    # The fastest of each, since other tests run at the same time.
    direct, pipeline = (min(seconds[name]) for name in ways)
    # Measured: 14 on TensorFlow, 1.7 on JAX, 2.4 on torch.
    wanted = 4 if keras.backend.backend() == "tensorflow" else 1
    assert pipeline > wanted * direct
