"""Asks a SavedModel in a process that has TensorFlow and nothing of ours.

python_client.py MODEL REQUESTS ANSWERS [OPERATIONS]

REQUESTS is JSON: lists of texts in base64. ANSWERS is written as JSON, a dict
of outputs for each. OPERATIONS is a library of further operations.
"""

import base64
import json
import sys

BLOCKED = {"keras", "keras_hub", "keras_nlp", "ulmfit_keras", "jax", "torch"}


class Finder:
    """A finder of modules to which the blocked ones are not installed."""

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *args):
        if name.partition(".")[0] in BLOCKED:
            return None
        return self.finder.find_spec(name, *args)


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return [plain(v) for v in value] if isinstance(value, list) else value


def main(model, requests, answers, *operations):
    sys.meta_path[:] = map(Finder, sys.meta_path)
    import tensorflow as tf

    for library in operations:
        tf.load_op_library(library)
    served = tf.saved_model.load(model).signatures["serving_default"]
    with open(requests) as file:
        batches = json.load(file)
    results = []
    for batch in batches:
        texts = [base64.b64decode(text) for text in batch]
        outputs = served(text=tf.constant(texts, tf.string))
        results.append(
            {name: plain(o.numpy().tolist()) for name, o in outputs.items()}
        )
    assert not BLOCKED & set(sys.modules)
    with open(answers, "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
