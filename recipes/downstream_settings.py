"""How `downstream_table` trains on each set.

Those of imdb-100, imdb-1000, trec and ag_news were chosen on validation rows,
and the size of perturbations for imdb-25000; the rest of that row and dbpedia
are guesses.
"""

# By set: options of recipes.finetune_language_model.
STAGE_2 = {
    "imdb": {
        "lm_epochs": 1,
        "lm_dropout_multiplier": 0.02,
        "validation_fraction": 0.01,
    },
    "trec": {
        "lm_epochs": 8,
        "settings": "paper",
        "lm_dropout_multiplier": 0.3,
    },
    "ag_news": {"lm_epochs": 3},
    "dbpedia": {"lm_epochs": 5},
}

# By set: how many texts, drawn at random, fastai's stage 2 reads where all of
# them would take it hours: as many as it reads while ours reads all of them.
FASTAI_STAGE_2_ROWS = {"imdb": 18_750}

# By row of the table, which begins with the name of the set: options of
# recipes.classify_text.
STAGE_3 = {
    "imdb-100": {
        "train_rows": 100,
        "unfreezing": "all",
        "batch_size": 16,
        "classifier_epochs": 20,
        "classifier_learning_rate": 0.02,
        "classifier_dropout_multiplier": 0.3,
    },
    "imdb-1000": {
        "train_rows": 1000,
        "unfreezing": "all",
        "batch_size": 32,
        "classifier_epochs": 10,
        "classifier_learning_rate": 0.02,
        "classifier_dropout_multiplier": 0.8,
    },
    "imdb-25000": {
        "unfreezing": "all",
        "classifier_epochs": 3,
        "adversarial_epsilon": 0.02,
        "classifier_learning_rate": 0.03,
        "classifier_dropout_multiplier": 0.5,
    },
    "trec": {
        "settings": "paper",
        "classifier_epochs": 20,
        "classifier_dropout_multiplier": 0.5,
    },
    "ag_news": {
        "unfreezing": "all",
        "classifier_epochs": 4,
        "classifier_learning_rate": 0.06,
        "classifier_dropout_multiplier": 0.5,
    },
    "dbpedia": {"unfreezing": "all", "classifier_epochs": 8},
}

# By row: what takes the place of some of these for models from random weights,
# whose layers have equally far to go. Chosen for imdb-1000.
FROM_SCRATCH = {
    row: {
        "classifier_factor": 1,
        "classifier_learning_rate": 0.005,
        "classifier_dropout_multiplier": 0.3,
    }
    for row in ("imdb-100", "imdb-1000", "imdb-25000")
}

# By row: what does so for pretrained models without stage 2, whose word vectors
# and LSTMs have farther to go than after it.
WITHOUT_STAGE_2 = {
    "imdb-1000": {
        "classifier_learning_rate": 0.06,
        "classifier_dropout_multiplier": 0.3,
    },
}

# By row: what recipes.classify_text gets where labels are guessed by words
# first.
GUESSED = {
    "imdb-100": {
        "class_words": [
            "neg=bad,boring,worst,terrible,waste,poor,stupid",
            "pos=good,great,best,excellent,wonderful,perfect",
        ],
        "prompt": "This is a",
        "backward_prompt": "film.",
        "train_rows": 100,
        "unfreezing": "all",
        "batch_size": 16,
        "adversarial_epsilon": 0.02,
        "classifier_epochs": 5,
        "classifier_learning_rate": 0.01,
        "classifier_dropout_multiplier": 0.5,
    },
}
