"""From text files to token shards on Apache Beam, on many machines.

The files and the folder may be anywhere that Beam reads and writes, such as
`gs://…`. What comes out is, byte for byte, what `prepare_corpus` writes. Only
this module and its steps import Beam, which the extra `beam` installs.
"""

import json

try:
    import apache_beam as beam
except ImportError as error:
    raise ImportError(
        "Preparing a corpus on Beam needs apache-beam: "
        'pip install "ulmfit_keras[beam]"'
    ) from error
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import AsDict
from apache_beam.pvalue import AsList
from apache_beam.pvalue import AsSingleton

from ulmfit_keras.data.corpus import beam_steps as steps
from ulmfit_keras.data.corpus.manifest import MANIFEST_FILE
from ulmfit_keras.data.corpus.manifest import check_paths
from ulmfit_keras.data.corpus.manifest import make_settings
from ulmfit_keras.data.corpus.pieces import plan_runs
from ulmfit_keras.data.errors import DataError

RUN_BYTES = 1 << 26


def prepare_corpus_on_beam(
    output_dir,
    train,
    valid=(),
    test=(),
    tokenizer="words",
    vocabulary_size=30_000,
    min_count=2,
    shard_tokens=1 << 26,
    pipeline_options=("--runner=DirectRunner",),
):
    """Do what `prepare_corpus` does in a Beam pipeline.

    A worker holds a shard in memory when it writes it.

    Args:
        output_dir: folder, on any file system that Beam knows.
        train: list of files or patterns.
        valid: list of files or patterns. Defaults to none.
        test: list of files or patterns. Defaults to none.
        tokenizer: `"words"`, learned from `train`, or a `WordTokenizer`.
        vocabulary_size: see `prepare_corpus`.
        min_count: see `prepare_corpus`.
        shard_tokens: see `prepare_corpus`.
        pipeline_options: list of str, Beam's options. Defaults to the
            DirectRunner.

    Returns:
        The manifest, a dict.

    Raises:
        DataError: if there is no such file, if one stands in two splits or
            twice in one, or if the folder holds a finished corpus. Some come
            as the error that Beam makes of them.
        ValueError: for another tokenizer.
    """
    if tokenizer != "words":
        if isinstance(tokenizer, str) or hasattr(tokenizer.encoder, "proto"):
            raise ValueError(
                "On Beam `tokenizer` must be 'words' or a WordTokenizer. "
                f"Received: tokenizer={tokenizer!r}"
            )
    manifest_path = FileSystems.join(output_dir, MANIFEST_FILE)
    if FileSystems.exists(manifest_path):
        raise DataError(
            f"{output_dir} must not hold a finished corpus. Choose another "
            f"folder. Received: output_dir={output_dir!r}"
        )
    splits = {
        split: _match(patterns)
        for split, patterns in (
            ("train", train),
            ("valid", valid),
            ("test", test),
        )
        if split == "train" or patterns
    }
    check_paths({s: [f["path"] for f in files] for s, files in splits.items()})
    if not FileSystems.exists(output_dir):
        FileSystems.mkdirs(output_dir)
    settings = make_settings(
        tokenizer, vocabulary_size, min_count, shard_tokens
    )
    with beam.Pipeline(options=PipelineOptions(list(pipeline_options))) as p:
        _build(p, output_dir, splits, settings, tokenizer)
    with FileSystems.open(manifest_path) as file:
        return json.loads(file.read())


def _match(patterns):
    """The files that patterns match, as `plan_runs` takes them."""
    found = []
    for match in FileSystems.match(list(patterns)):
        files = sorted((f.path, f.size_in_bytes) for f in match.metadata_list)
        if not files:
            raise DataError(
                f"{match.pattern} must name files. Received: none that match"
            )
        found += [
            {"path": path, "bytes": size, "sha256": None, "format": None}
            for path, size in files
        ]
    return found


def _build(pipeline, output_dir, splits, settings, tokenizer):
    """Build the pipeline."""
    once = pipeline | "Once" >> beam.Create([None])
    sources = (
        pipeline
        | "Files" >> beam.Create([f for g in splits.values() for f in g])
        | "Spread files" >> beam.Reshuffle()
        | "Inspect" >> beam.Map(steps.inspect)
    )
    _ = once | "Check" >> beam.Map(steps.check, splits, AsDict(sources))
    runs = (
        pipeline
        | "Runs"
        >> beam.Create(
            [
                ((split, number), run.spans)
                for split, files in splits.items()
                for number, run in enumerate(plan_runs(files, RUN_BYTES, False))
            ]
        )
        | "Spread runs" >> beam.Reshuffle()
    )
    counted = runs | "Read" >> beam.ParDo(steps.CountRun()).with_outputs(
        "words", main="measures"
    )
    measures = AsDict(counted.measures)
    plans = AsSingleton(
        once
        | "Plan"
        >> beam.Map(steps.plan, splits, settings["shard_tokens"], measures)
    )
    if tokenizer == "words":
        tokens = (
            counted.words
            | "Sum" >> beam.CombinePerKey(sum)
            | "Frequent"
            >> beam.Filter(steps.is_frequent, settings["min_count"])
            | "Most frequent"
            >> beam.combiners.Top.Of(
                settings["vocabulary_size"], key=steps.rank, reverse=True
            )
            | "Choose"
            >> beam.Map(
                steps.choose, settings["min_count"], settings["vocabulary_size"]
            )
        )
    else:
        tokens = pipeline | "Given" >> beam.Create(
            [list(tokenizer.vocabulary.tokens)]
        )
    tokens = AsSingleton(tokens)
    shards = (
        runs
        | "Encode" >> beam.FlatMap(steps.encode_run, tokens, plans)
        | "Group" >> beam.GroupByKey()
        | "Write shards"
        >> beam.Map(steps.write_shard, output_dir, tokens, plans)
    )
    _ = once | "Write manifest" >> beam.Map(
        steps.write_manifest,
        output_dir,
        splits,
        settings,
        tokens,
        measures,
        AsDict(sources),
        AsList(shards),
    )
