"""Our side of `bench_against_fastai`, one part in a process of its own.

Command, which `bench_against_fastai` gives:
    python -m recipes.keras_side --backend=BACKEND --settings=JSON

JSON is the object that `bench_against_fastai` makes of its options. The last
line on stdout is one JSON object. The training part is
`bench_language_model`.
"""

import json
import statistics
import tempfile

from absl import flags

from recipes import common
from recipes import processes

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_alias("precision", "dtype")
flags.DEFINE_string("settings", None, "What to measure.", required=True)

# fastai cuts off nothing.
MOST_TOKENS = 10**6


def make_backbone(settings):
    """An `AWDLSTMBackbone` of these sizes."""
    from ulmfit_keras import models

    return models.AWDLSTMBackbone(
        settings["vocabulary_size"],
        settings["embedding_dim"],
        settings["hidden_dim"],
        settings["num_layers"],
    )


def memory(settings):
    import numpy as np

    from ulmfit_keras import data
    from ulmfit_keras import models
    from ulmfit_keras import optimizers

    before = processes.resident_memory_mib()
    trainer = models.StreamLanguageModel(
        models.AWDLSTMCausalLM(make_backbone(settings)),
        settings["batch_size"],
    )
    trainer.compile(optimizers.FusedAdam())
    ids = np.random.default_rng(settings["seed"]).integers(
        settings["vocabulary_size"],
        size=settings["batch_size"] * settings["bptt"] + 1,
    )
    stream = data.TokenStream(ids, settings["batch_size"], settings["bptt"])
    trainer.fit(stream, verbose=0)
    peak = processes.peak_memory_mib()
    return {
        "step_memory_mib": round(peak - before, 1),
        "peak_memory_mib": peak,
        "memory_before_mib": before,
    }


def make_classifier(settings):
    """A classifier of two classes, in the runtime of the settings."""
    from ulmfit_keras import export
    from ulmfit_keras import models
    from ulmfit_keras import text

    vocabulary = text.Vocabulary.load(settings["vocabulary"])
    classifier = models.AWDLSTMTextClassifier(
        make_backbone(settings),
        2,
        models.AWDLSTMTextClassifierPreprocessor(
            text.WordTokenizer(vocabulary.tokens),
            sequence_length=MOST_TOKENS,
        ),
    )
    if settings["runtime"] == "keras":
        return classifier
    dtype = settings["runtime"].removeprefix("onnx_")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model"
        export.onnx_model(classifier, path, dtype)
        return export.OnnxClassifier(path)


def prediction(settings):
    import numpy as np

    with np.load(settings["documents"]) as file:
        documents = np.split(file["ids"], file["ends"][:-1])
    classifier = make_classifier(settings)
    first, second = processes.seconds(
        lambda: classifier.predict(documents, settings["batch_size"]),
        repeats=2,
        warm_up=0,
    )
    return {
        "documents_per_second": round(len(documents) / second, 3),
        "first_documents_per_second": round(len(documents) / first, 3),
    }


def single_text(settings):
    classifier = make_classifier(settings)
    times = processes.seconds(
        lambda: classifier.predict(settings["text"]), settings["repeats"]
    )
    return {"seconds": round(statistics.median(times), 6)}


PARTS = {
    "memory": memory,
    "prediction": prediction,
    "single_text": single_text,
}


def main(_):
    common.start()
    settings = json.loads(FLAGS.settings)
    print(json.dumps(PARTS[settings["part"]](settings)))


if __name__ == "__main__":
    common.run(main)
