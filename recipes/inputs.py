"""What recipes read: files of text and the tables."""

import glob
import os

from absl import flags

from recipes import common

FLAGS = flags.FLAGS


def corpus_files(patterns):
    """The files that patterns match, each pattern's in order."""
    from ulmfit_keras.data import DataError

    found = []
    for pattern in patterns:
        paths = glob.glob(pattern, recursive=True)
        paths = sorted(filter(os.path.isfile, paths))
        if os.path.isfile(pattern):  # brackets may be part of its name
            paths = [pattern]
        if not paths:
            raise DataError(
                f"{pattern} must name files. Received: none that match"
            )
        found += paths
    return found


@common.user_errors()
def read_tables(hold_out=True):
    """Read the tables that the options name.

    Args:
        hold_out: hold out a test table where there is none.

    Returns:
        (tables, changes): a dict of `TextTable` with "train", "test" and
        perhaps "valid" and "unlabeled", and a dict of remarks on what was
        done to them, for the data report.
    """
    from ulmfit_keras import data

    tables, unread = _read_all()
    changes = {}
    if unread:
        changes["tables not read"] = (
            f"{', '.join(unread)} (--unlabeled takes one for stage 2)"
        )
    if FLAGS.clean:
        for name, table in tables.items():
            table.texts, counts = data.clean_texts(table.texts)
            changes[f"texts cleaned in {name}"] = counts
    if FLAGS.drop_empty:
        changes["empty rows left out"] = _drop_rows(tables, empty=True)
    if FLAGS.drop_duplicates:
        others = [tables["test"]] if "test" in tables else []
        changes["duplicate rows left out"] = _drop_rows(
            tables, duplicates=True, also_in=others
        )
    if not len(tables["train"]):
        raise data.DataError(
            "Training rows must be left: look at the table, or leave out "
            "--drop_empty and --drop_duplicates. Received: no row of "
            f"{tables['train'].source} with a text, and by these "
            f"{changes.get('empty rows left out', 0)} and "
            f"{changes.get('duplicate rows left out', 0)} left out"
        )
    if hold_out and "test" not in tables and tables["train"].labels is not None:
        tables["train"], tables["test"] = _split(
            tables["train"], FLAGS.test_fraction
        )
        # Rows that were left out before are counted with the training rows.
        tables["test"].problems = _own_problems(tables["test"])
        changes["no test table"] = (
            f"{len(tables['test']):,} rows, drawn at random from each class, "
            "were held out for the test"
        )
    if FLAGS.train_rows is not None:
        _limit_labelled_rows(tables)
        changes["labelled rows used"] = len(tables["train"])
    if "balance" in FLAGS and FLAGS.balance:  # recipes with a stage 3 have it
        changes["classes balanced by"] = FLAGS.balance
    return tables, changes


def _read_all():
    """The tables, and the names of those of a public set that are not read."""
    from ulmfit_keras import data

    public = FLAGS.train in data.PUBLIC_SETS
    if FLAGS.train is not None and FLAGS.data_dir is not None:
        public = not os.path.isfile(FLAGS.train)
    elif public and _may_be_table(FLAGS.train):
        raise ValueError(
            f"--train={FLAGS.train} names a public set and a table here. Give "
            f"--train=./{FLAGS.train} for the one here, or --data_dir, the "
            "folder of public sets. Received: no --data_dir"
        )
    _check_options(public)
    if public and FLAGS.problem_type == "multi_label":
        raise ValueError(
            "A row of a public set has one label; give tables of your own by "
            f"their paths, such as --train={FLAGS.train}/train.csv --test="
            f"{FLAGS.train}/test.csv. Received: --problem_type=multi_label "
            f"--train={FLAGS.train}"
        )
    found = {}
    if FLAGS.train is None:
        tables = data.builtin_passages()._asdict()
    elif public:
        found = data.load_public(FLAGS.train, FLAGS.data_dir)
        tables = {
            name: found[name]
            for name in ("train", "valid", "test", "unlabeled")
            if name in found
        }
    else:
        tables = {"train": _read("train")}
        if FLAGS.test:
            tables["test"] = _read("test")
    if FLAGS.unlabeled:
        tables["unlabeled"] = _read("unlabeled", with_labels=False)
    read = {os.path.realpath(table.source) for table in tables.values()}
    unread = [
        name
        for name, table in found.items()
        if os.path.realpath(table.source) not in read
    ]
    return tables, unread


def _may_be_table(path):
    """Whether a path is a file, or a folder with one of texts for a class."""
    return os.path.isfile(path) or bool(glob.glob(f"{path}/*/*.txt"))


def _check_options(public):
    """Refuse options that would change nothing.

    Args:
        public: whether --train names a public set.
    """
    own = FLAGS.train is not None and not public
    labelled = not own or FLAGS.label_column
    for names, useful, needed in (
        (("data_dir",), public, "the name of a set in --train"),
        (
            ("test", "label_column", "label_delimiter"),
            own,
            "a table of your own in --train",
        ),
        (
            ("label_delimiter",),
            FLAGS.problem_type == "multi_label",
            "--problem_type=multi_label",
        ),
        (
            ("text_column", "encoding", "delimiter", "quoting", "on_bad_rows"),
            own or FLAGS.unlabeled,
            "a table of your own in --train or --unlabeled",
        ),
        (
            ("test_fraction",),
            own and labelled and not FLAGS.test,
            "a table of your own in --train, with labels, and no --test",
        ),
        (("train_rows",), labelled, "labels in --train"),
    ):
        common.check_needed(names, useful, needed, beside=["train"])


def _read(option, with_labels=True):
    from ulmfit_keras import data

    source = FLAGS[option].value
    if not os.path.exists(source):
        sets = f", or be one of {sorted(data.PUBLIC_SETS)}" * (
            option == "train"
        )
        raise FileNotFoundError(
            f"--{option} must name a table that is there{sets}. "
            f"Received: --{option}={source}"
        )
    return data.read_table(
        source,
        label_column=FLAGS.label_column if with_labels else None,
        problem_type=FLAGS.problem_type,
        label_delimiter=FLAGS.label_delimiter,
        **common.reading_options(),
    )


def _drop_rows(tables, **options):
    """Leave training rows out; returns how many."""
    from ulmfit_keras import data

    before = len(tables["train"])
    tables["train"] = data.drop_rows(tables["train"], **options)
    return before - len(tables["train"])


def _limit_labelled_rows(tables):
    """Let only --train_rows keep their labels."""
    import numpy as np

    from ulmfit_keras import data

    train, rows = tables["train"], FLAGS.train_rows
    names = data.label_names(train, FLAGS.problem_type) or ()
    if rows < len(names):
        raise data.DataError(
            "There must be a training row for every class: raise "
            f"--train_rows to {len(names)} or more. "
            f"Received: --train_rows={rows}"
        )
    if rows > len(train):
        raise data.DataError(
            f"There are only {len(train)} training rows: lower --train_rows "
            f"to that, or leave it out. Received: --train_rows={rows}"
        )
    if rows < len(train):
        kept, rest = _split_rows(train, 1 - rows / len(train))
        if FLAGS.problem_type == "regression" and len(kept) > rows:
            # A split keeps values of all sizes, of which there may be more.
            order = np.random.default_rng(FLAGS.seed).permutation(kept)
            kept, rest = sorted(order[:rows]), sorted([*rest, *order[rows:]])
        tables["train"], rest = map(train.select, (kept, rest))
        tables["unlabeled"] = _unlabeled(rest, tables.get("unlabeled"))


def _unlabeled(rest, more):
    """The texts of two tables, of which the second may be None."""
    from ulmfit_keras import data

    # What was skipped on reading is counted with the labelled rows.
    problems = _own_problems(rest)
    rest = data.TextTable(rest.texts, None, rest.source, problems, rest.rows)
    if more is None:
        return rest
    for problem, found in more.problems.items():
        problems[problem] = problems.get(problem, []) + found
    return data.TextTable(
        rest.texts + more.texts,
        None,
        f"{rest.source} and {more.source}",
        problems,
        rest.rows + more.rows,
    )


def _own_problems(table):
    """Problems of the rows of a table, without those of rows left out."""
    here = set(table.rows)
    return {
        problem: rows
        for problem, found in table.problems.items()
        if (rows := [row for row in found if row in here])
    }


def _split(table, fraction):
    return map(table.select, _split_rows(table, fraction))


def _split_rows(table, fraction):
    from ulmfit_keras import data

    try:
        return data.stratified_split(
            table.labels, fraction, FLAGS.seed, FLAGS.problem_type
        )
    except data.DataError as error:
        raise data.DataError(f"{table.source}: {error}") from error


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
