"""Figures as inline SVG that takes its colours from the page around it.

matplotlib draws with place-holder colours; `_svg` replaces them by the CSS
variables of `report_style`, so that a figure follows dark and light mode.
"""

import io
import math
import re
import warnings

import numpy as np

from ulmfit_keras.evaluation.markup import escape
from ulmfit_keras.evaluation.markup import printable
from ulmfit_keras.evaluation.markup import shorten

INK, MUTED, LINE = "#0a0b01", "#0a0b02", "#0a0b03"
ACCENT, WARM = "#0a0b04", "#0a0b05"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    WARM: "var(--warm)",
}
# Counts are written into the cells of a confusion matrix up to this size.
_MOST_COUNTED = 30
_MOST_NAMED = 80


def learning_curves(name, history, step_learning_rates=None):
    """Loss, one more metric and the learning rate of one `fit`.

    Args:
        name: of the stage, for readers who cannot see the figure.
        history: dict of lists, one value for each epoch, as in
            `keras.callbacks.History.history`: `loss`, and where present
            `val_loss`, `learning_rate`, `unfrozen_groups` (a change of it
            marks a stage of gradual unfreezing) and one other metric.
        step_learning_rates: list of floats, the rate of each step, drawn in
            place of the one of each epoch. Defaults to None.

    Returns:
        A str of SVG, empty if there is nothing to draw.
    """
    history = {key: _floats(values) for key, values in history.items()}
    epochs = max((len(v) for v in history.values()), default=0)
    panels = ["loss"] * ("loss" in history) + _other(history)
    rates = history.get("learning_rate", _floats([]))
    if step_learning_rates is not None:
        rates = _floats(step_learning_rates)
    if not epochs or not (panels or len(rates)):
        return ""
    # Points of one epoch need no height to be told apart.
    heights = [2.0 if epochs > 1 else 1.1] * len(panels) + [1.1] * bool(
        len(rates)
    )
    figure = _figure(8.6, sum(heights) + 0.35 * len(heights) + 0.5)
    axes = figure.subplots(
        len(heights), 1, sharex=True, height_ratios=heights, squeeze=False
    )[:, 0]
    for axis, key in zip(axes, panels, strict=False):
        _curve(axis, history.get(key), "training", MUTED, "--")
        _curve(axis, history.get(f"val_{key}"), "validation", ACCENT, "-")
        _style(axis, key.replace("_", " "))
        _legend(axis)
    if "loss" in panels and epochs > 1:
        _mark_best(axes[0], history.get("val_loss"))
    if len(rates):
        _rate(axes[-1], rates, epochs)
    for axis in axes:
        axis.set_xlim(0, epochs)
    _mark_stages(axes, history.get("unfrozen_groups"))
    axes[-1].set_xlabel("epochs", color=MUTED, fontsize=9)
    ticks = range(0, epochs + 1, max(1, math.ceil(epochs / 12)))
    axes[-1].set_xticks(list(ticks))
    return _svg(figure, f"Learning curves of {name}")


def confusion_matrix(matrix, labels):
    """Truth against prediction: right in one colour, mistakes in another.

    Args:
        matrix: int [C, C], rows are the truth.
        labels: the C class names.

    Returns:
        A str of SVG.
    """
    matrix = np.asarray(matrix, int)
    classes = len(labels)
    share = matrix / np.maximum(matrix.sum(-1, keepdims=True), 1)
    side = min(9.2, max(3.0, 0.62 * classes + 0.8))
    figure = _figure(side + 1.2, side + 1.0)
    axis = figure.subplots()
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    cells, colours = [], []
    for row, column in zip(*np.nonzero(matrix), strict=True):
        strength = 0.08 + 0.57 * math.sqrt(share[row, column])
        colours.append(to_rgba(ACCENT if row == column else WARM, strength))
        cells.append(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94))
        if classes <= _MOST_COUNTED:
            axis.text(
                column,
                row,
                f"{matrix[row, column]:,}",
                ha="center",
                va="center",
                color=INK,
                fontsize=10 if classes <= 12 else 6.5,
            )
    axis.add_collection(PatchCollection(cells, facecolors=colours, lw=0))
    size = 10 if classes <= 12 else 8 if classes <= 25 else 6.5
    axis.set_xlim(-0.5, classes - 0.5)
    axis.set_ylim(classes - 0.5, -0.5)
    axis.set_aspect("equal")
    # Before the spaces are set in, so that no name is read as a formula.
    names = [shorten(printable(label), 18) for label in labels]
    steep = classes > 3 or max(map(len, names)) > 9
    shown = range(0, classes, math.ceil(classes / _MOST_NAMED))
    axis.set_xticks(shown, names[:: shown.step], rotation=60 if steep else 0)
    axis.set_yticks(shown, names[:: shown.step])
    for text in axis.get_xticklabels() + axis.get_yticklabels():
        text.set_parse_math(False)
    for text in axis.get_xticklabels():
        text.set_ha("right" if steep else "center")
        text.set_rotation_mode("anchor")
    axis.patch.set_alpha(0)
    axis.tick_params(length=0, labelsize=size, labelcolor=INK)
    for spine in axis.spines.values():
        spine.set_color(LINE)
    axis.set_xlabel("predicted", color=MUTED, fontsize=9)
    axis.set_ylabel("truth", color=MUTED, fontsize=9)
    return _svg(figure, "Confusion matrix")


def reliability(calibration, baseline=None):
    """How often a stated probability comes true.

    Args:
        calibration: the dict of `evaluation.calibration`.
        baseline: another one, drawn beside it. Defaults to None.

    Returns:
        A str of SVG.
    """
    figure = _figure(5.4, 4.6)
    axis, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    axis.plot([0, 1], [0, 1], "--", color=MUTED, lw=1, label="ideal")
    if baseline:
        _reliability_line(axis, baseline, "TF-IDF", WARM)
    _reliability_line(axis, calibration, "this model", ACCENT)
    _style(axis, "comes true")
    axis.set_ylim(-0.02, 1.02)
    legend = axis.legend(
        frameon=False, labelcolor=INK, fontsize=9, loc="upper left"
    )
    for handle in legend.legend_handles[1:]:
        handle.set_sizes([30])
    bins = calibration["bins"]
    below.bar(
        [(b["low"] + b["high"]) / 2 for b in bins],
        [b["count"] for b in bins],
        width=0.92 * (bins[0]["high"] - bins[0]["low"]),
        color=ACCENT,
        alpha=0.6,
        lw=0,
    )
    _style(below, "decisions")
    below.set_xlim(0, 1)
    below.set_xlabel("stated probability", color=MUTED, fontsize=9)
    return _svg(figure, "Calibration")


def scatter(truth, predictions):
    """Truth against prediction of a regression.

    Args:
        truth: float [N].
        predictions: float [N].

    Returns:
        A str of SVG; of many rows a sample of 2,000 is drawn.
    """
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    if len(truth) > 2000:
        some = np.random.default_rng(0).choice(len(truth), 2000, replace=False)
        truth, predictions = truth[some], predictions[some]
    figure = _figure(5.4, 4.6)
    axis = figure.subplots()
    ends = [truth.min(), truth.max()]
    axis.plot(ends, ends, "--", color=MUTED, lw=1)
    axis.plot(truth, predictions, "o", color=ACCENT, ms=3.5, alpha=0.45, mew=0)
    _style(axis, "predicted")
    axis.set_xlabel("truth", color=MUTED, fontsize=9)
    return _svg(figure, "Predictions against truth")


def _floats(values):
    return np.array([math.nan if v is None else float(v) for v in values])


def _other(history):
    """The metric to draw beside the loss, one or none."""
    hidden = {"loss", "learning_rate", "unfrozen_groups"}
    keys = [k for k in history if k not in hidden and k[:4] != "val_"]
    # One that is measured on validation rows too tells more.
    keys.sort(key=lambda key: f"val_{key}" not in history)
    return keys[:1]


def _figure(width, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    return figure


def _style(axis, label):
    axis.patch.set_alpha(0)
    axis.set_ylabel(label, color=MUTED, fontsize=9)
    axis.grid(axis="y", color=LINE, lw=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=MUTED, labelsize=9, length=0)
    for side, spine in axis.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LINE)


def _legend(axis):
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False, labelcolor=INK, fontsize=9, loc="best")


def _curve(axis, values, label, colour, style):
    if values is None or not np.isfinite(values).any():
        return
    x = np.arange(1, len(values) + 1)
    axis.plot(
        x,
        values,
        style,
        color=colour,
        lw=2,
        marker="o",
        ms=4,
        label=label,
        clip_on=False,
    )


def _mark_best(axis, values):
    if values is None or not np.isfinite(values).any():
        return
    best = int(np.nanargmin(np.where(np.isfinite(values), values, np.nan)))
    axis.plot(
        best + 1,
        values[best],
        "o",
        ms=11,
        mfc="none",
        mec=ACCENT,
        mew=1.5,
        clip_on=False,
        label="lowest",
    )
    _legend(axis)


def _rate(axis, rates, epochs):
    if len(rates) == epochs:
        edges = np.arange(epochs + 1)
        axis.stairs(rates, edges, baseline=None, color=WARM, lw=2)
    else:
        x = np.linspace(0, epochs, len(rates))
        axis.plot(x, rates, color=WARM, lw=2)
    _style(axis, "learning rate")
    if np.isfinite(rates).any():
        axis.set_ylim(0, 1.1 * max(np.nanmax(rates), 1e-12))


def _mark_stages(axes, unfrozen):
    """A band for each stage of gradual unfreezing."""
    if unfrozen is None or not len(unfrozen):
        return
    starts = [0, *(np.flatnonzero(np.diff(unfrozen)) + 1), len(unfrozen)]
    narrow = min(np.diff(starts)) < 0.09 * len(unfrozen)
    for number, (start, end) in enumerate(
        zip(starts, starts[1:], strict=False)
    ):
        for axis in axes:
            if number % 2 == 0:
                axis.axvspan(start, end, color=MUTED, alpha=0.09, lw=0)
            if number:
                axis.axvline(start, color=MUTED, lw=1, ls=":")
        groups = unfrozen[start]
        if math.isfinite(groups):
            word = "" if narrow else " group" if groups == 1 else " groups"
            axes[0].text(
                (start + end) / 2,
                1.02,
                f"{groups:.0f}{word}",
                transform=axes[0].get_xaxis_transform(),
                ha="center",
                va="bottom",
                color=MUTED,
                fontsize=9,
            )


def _reliability_line(axis, calibration, label, colour):
    bins = [b for b in calibration["bins"] if b["count"]]
    stated = [b["confidence"] for b in bins]
    observed = [b["accuracy"] for b in bins]
    count = np.array([b["count"] for b in bins])
    axis.plot(stated, observed, color=colour, lw=1, alpha=0.6)
    axis.scatter(
        stated,
        observed,
        # Large where many rows are: a point of few says little.
        s=8 + 90 * count / count.max(),
        color=colour,
        label=f"{label} (ECE {100 * calibration['ece']:.1f} %)",
        lw=0,
        alpha=0.85,
    )


def _svg(figure, title):
    """A figure as SVG that needs nothing from outside the page."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        with warnings.catch_warnings():
            # Measured in a font without some letters; drawn by the browser.
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            figure.savefig(
                buffer, format="svg", bbox_inches="tight", pad_inches=0.06
            )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="([^"]*)"', svg)[1]
    for element in ("metadata", "style"):
        svg = re.sub(f"<{element}.*?</{element}>", "", svg, flags=re.DOTALL)
    # Points to CSS pixels, so that letters have the size they were given.
    most = float(box.split()[2]) * 96 / 72
    # Only inside of tags: class names are text between them.
    svg = re.sub("<[^>]*>", _page_tag, svg[svg.index(">") + 1 :])
    return (
        f'<svg viewBox="{box}" preserveAspectRatio="xMinYMin" role="img" '
        f'aria-label="{escape(title)}" '
        f'style="width:100%;max-width:{most:.0f}px">{svg}'
    )


def _page_tag(match):
    """A tag of matplotlib's as one that fits into the page."""
    element = match[0].replace("xlink:href", "href")
    if element.startswith("<g "):
        element = re.sub(r' id="[^"]*"', "", element)
    element = re.sub(r"font-family: [^;\"]*", "font-family: inherit", element)
    element = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", element)
    for colour, variable in _VARIABLES.items():
        element = element.replace(colour, variable)
    return element
