"""How good is a classifier, and how to show it to a person."""

from ulmfit_keras.evaluation.baseline import tfidf_baseline
from ulmfit_keras.evaluation.calibration import calibration
from ulmfit_keras.evaluation.calibration import coverage
from ulmfit_keras.evaluation.comparison import compare_distances
from ulmfit_keras.evaluation.comparison import compare_mistakes
from ulmfit_keras.evaluation.comparison import wilson_interval
from ulmfit_keras.evaluation.language_modelling import language_model_metrics
from ulmfit_keras.evaluation.metrics import best_thresholds
from ulmfit_keras.evaluation.metrics import classification_metrics
from ulmfit_keras.evaluation.metrics import multi_label_metrics
from ulmfit_keras.evaluation.metrics import prediction_metrics
from ulmfit_keras.evaluation.metrics import regression_metrics
from ulmfit_keras.evaluation.mistakes import clear_examples
from ulmfit_keras.evaluation.mistakes import confident_mistakes
from ulmfit_keras.evaluation.mistakes import worst_labels
from ulmfit_keras.evaluation.report import explain_shown_rows
from ulmfit_keras.evaluation.report import write_report
from ulmfit_keras.evaluation.wikitext import wikitext_metrics
from ulmfit_keras.evaluation.word_importance import WordImportance
from ulmfit_keras.evaluation.word_importance import word_importance

__all__ = [
    "WordImportance",
    "best_thresholds",
    "calibration",
    "classification_metrics",
    "clear_examples",
    "compare_distances",
    "compare_mistakes",
    "confident_mistakes",
    "coverage",
    "explain_shown_rows",
    "language_model_metrics",
    "multi_label_metrics",
    "prediction_metrics",
    "regression_metrics",
    "tfidf_baseline",
    "wikitext_metrics",
    "wilson_interval",
    "word_importance",
    "worst_labels",
    "write_report",
]
