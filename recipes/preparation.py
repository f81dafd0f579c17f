"""What recipes with a stage 3 do before any training."""

import importlib.util

from absl import flags

from recipes import common
from recipes import inputs
from recipes import pretrained
from recipes import training

FLAGS = flags.FLAGS


@common.user_errors()
def check_packages(*names):
    """Miss packages that only the end needs before the hours it takes.

    Args:
        *names: of modules.
    """
    missing = [name for name in names if not importlib.util.find_spec(name)]
    if missing:
        raise ImportError(
            "This recipe needs the packages of the extra `recipes`: "
            'python -m pip install -e ".[recipes]". '
            f"Received: no module {', '.join(missing)}"
        )


def prepare():
    """Check options, read tables and models, tell what the tables hold.

    Returns:
        (tables, language_models, report): see `inputs.read_tables`,
        `pretrained.load_language_models` and `data.data_report`.
    """
    from ulmfit_keras import data

    training.check_classifier_options()
    print("Reading the tables")
    tables, changes = inputs.read_tables()
    inputs.check_labels(tables)
    train, valid = training.labelled_parts(tables)
    if "valid" not in tables and valid is not None:
        changes["held out of train to validate"] = (
            f"{len(valid):,} rows, which leaves {len(train):,} to train the "
            "classifier on"
        )
    language_models = pretrained.load_language_models(
        FLAGS.preset, FLAGS.backward_preset
    )
    report = data.data_report(
        tables,
        language_models[0].preprocessor.tokenizer,
        FLAGS.max_tokens,
        changes,
    )
    print(f"\n{data.format_report(report)}")
    for remark in _remarks(tables, language_models[0]):
        print(f"NOTE: {remark}")
    return tables, language_models, report


def _remarks(tables, language_model):
    """What options do that their user may not expect."""
    if "valid" in tables and FLAGS["validation_fraction"].present:
        yield (
            f"{tables['valid'].source} is there to validate on, so "
            "--validation_fraction is not used."
        )
    plan, untrained, epochs = training.untrained_groups(language_model)
    if untrained:
        yield (
            f"--classifier_epochs={FLAGS.classifier_epochs} is too few to "
            f"unfreeze all by --unfreezing={plan}: {', '.join(untrained)} will "
            f"stay as in stage 2. It takes {epochs} epochs."
        )


def main_figures(metrics):
    """Of the metrics on the test table, those that the last line tells."""
    names = ["test_error", "macro_f1"]
    if FLAGS.problem_type == "regression":
        names += ["mean_absolute_error", "r2"]
    return {name: metrics.get(name) for name in names}


def prediction_notes():
    """What must be done to texts before they are predicted, a list of str."""
    notes = []
    if FLAGS.clean:
        notes.append(
            "The texts were cleaned (--clean). The model and the SavedModel do "
            "not clean: pass texts through ulmfit_keras.data.clean_texts "
            "before you have them predicted."
        )
    if FLAGS.train is not None and len(FLAGS.text_column) > 1:
        notes.append(
            "The texts are those of several columns (--text_column="
            f"{','.join(FLAGS.text_column)}). Join them by "
            "ulmfit_keras.text.join_fields before you have them predicted, "
            "elsewhere as '\\u001f 1 FIRST \\u001f 2 SECOND' and so on."
        )
    return notes
