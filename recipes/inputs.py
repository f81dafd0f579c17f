"""What recipes read: the tables and the pretrained model."""

from absl import flags

from recipes import common

FLAGS = flags.FLAGS


@common.user_errors()
def read_tables():
    """Read the tables that the options name.

    Returns:
        (tables, changes): a dict of `TextTable` with "train", "test" and
        perhaps "valid" and "unlabeled", and a dict of remarks on what was
        done to them, for the data report.
    """
    from ulmfit_keras import data

    changes = {}
    if FLAGS.test and (FLAGS.train is None or FLAGS.train in data.PUBLIC_SETS):
        raise ValueError(
            "--test goes with a table of your own in --train. Received: "
            f"--test={FLAGS.test} --train={FLAGS.train}"
        )
    if FLAGS.train is None:
        tables = data.builtin_passages()._asdict()
    elif FLAGS.train in data.PUBLIC_SETS:
        public = data.load_public(FLAGS.train, FLAGS.data_dir)
        tables = {
            name: public[name]
            for name in ("train", "test", "unlabeled")
            if name in public
        }
    else:
        tables = {"train": _read(FLAGS.train)}
        if FLAGS.test:
            tables["test"] = _read(FLAGS.test)
    if FLAGS.unlabeled:
        tables["unlabeled"] = _read(FLAGS.unlabeled, with_labels=False)
    if FLAGS.clean:
        for name, table in tables.items():
            table.texts, counts = data.clean_texts(table.texts)
            changes[f"texts cleaned in {name}"] = counts
    if FLAGS.drop_duplicates:
        others = [tables["test"]] if "test" in tables else []
        before = len(tables["train"])
        tables["train"] = data.drop_rows(
            tables["train"], duplicates=True, also_in=others
        )
        changes["duplicate rows left out"] = before - len(tables["train"])
    labelled = tables["train"].labels is not None
    if "test" not in tables and labelled:
        tables["train"], tables["test"] = _split(
            tables["train"], FLAGS.test_fraction
        )
        changes["no test table"] = (
            f"{len(tables['test']):,} rows, drawn at random from each class, "
            "were held out for the test"
        )
    rows = len(tables["train"])
    if labelled and FLAGS.train_rows is not None and FLAGS.train_rows < rows:
        names = data.label_names(tables["train"], FLAGS.problem_type) or ()
        if FLAGS.train_rows < len(names):
            raise data.DataError(
                "There must be a training row for every class: raise "
                f"--train_rows to {len(names)} or more. "
                f"Received: --train_rows={FLAGS.train_rows}"
            )
        tables["train"], rest = _split(
            tables["train"], 1 - FLAGS.train_rows / rows
        )
        unlabeled = tables.get("unlabeled", data.TextTable([]))
        tables["unlabeled"] = data.TextTable(
            [*rest.texts, *unlabeled.texts], source=unlabeled.source
        )
        changes["labelled rows used"] = len(tables["train"])
    return tables, changes


def _read(source, with_labels=True):
    from ulmfit_keras import data

    columns = FLAGS.text_column
    return data.read_table(
        source,
        text_column=columns[0] if len(columns) == 1 else columns,
        label_column=(with_labels and FLAGS.label_column) or None,
        problem_type=FLAGS.problem_type,
        on_bad_rows=FLAGS.on_bad_rows,
        encoding=FLAGS.encoding,
        delimiter=FLAGS.delimiter,
    )


def _split(table, fraction):
    from ulmfit_keras import data

    try:
        parts = data.stratified_split(
            table.labels, fraction, FLAGS.seed, FLAGS.problem_type
        )
    except data.DataError as error:
        raise data.DataError(f"{table.source}: {error}") from error
    return map(table.select, parts)


@common.user_errors()
def check_labels(tables):
    """Find labels that cannot be learnt, before hours of training do.

    Args:
        tables: the dict of `read_tables`.
    """
    from ulmfit_keras import data

    names = data.label_names(tables["train"], FLAGS.problem_type)
    for table in tables.values():
        if table.labels is not None:
            data.encode_labels(table, names, FLAGS.problem_type)
    if "valid" not in tables and FLAGS.validation_fraction:
        _split(tables["train"], FLAGS.validation_fraction)


@common.user_errors()
def load_language_models(preset, backward_preset=None):
    """The pretrained language models, one for each direction.

    Args:
        preset: a name or a folder, see `find_preset`.
        backward_preset: another one, whose model reads backwards. Defaults
            to None.

    Returns:
        A list of one or two `AWDLSTMCausalLM`.
    """
    from ulmfit_keras import models

    language_models = [models.AWDLSTMCausalLM.from_preset(preset)]
    if backward_preset is None:
        return language_models
    language_models.append(models.AWDLSTMCausalLM.from_preset(backward_preset))
    directions = [model.backbone.backwards for model in language_models]
    if directions != [False, True]:
        raise ValueError(
            "--preset must read forwards and --backward_preset backwards. "
            f"Received: models with backwards={directions}"
        )
    vocabularies = {
        model.preprocessor.tokenizer.vocabulary.fingerprint
        for model in language_models
    }
    if len(vocabularies) > 1:
        raise ValueError(
            "--preset and --backward_preset must have the same vocabulary. "
            f"Received: the fingerprints {sorted(vocabularies)}"
        )
    return language_models
