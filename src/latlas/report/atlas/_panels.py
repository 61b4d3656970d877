"""The report's figures in reading order: when each can be drawn, and the words that go with it."""

import numpy as np

from latlas.report.atlas._panels_of_evidence import BRACKET, CURVE, EVIDENCE, GAP, PRUNING
from latlas.report.atlas._words import num_active
from latlas.report.data._data import ReportData
from latlas.report.data._items import kind_of, part, size, whose
from latlas.report.drawing._text import number
from latlas.report.figures._evidence import kl_figure
from latlas.report.figures._items import (
    interpolation_figure,
    prototype_figure,
    reconstructions_figure,
    samples_figure,
)
from latlas.report.figures._labels import Scale, project, read_labels
from latlas.report.figures._latent import MOST_POINTS, latent_map_figure
from latlas.report.figures._residuals import residuals_figure
from latlas.report.figures._scores import finite_scores, has_worst, scores_figure, worst_figure
from latlas.report.figures._table import MOST_FEATURES
from latlas.report.figures._training import curve, shown_terms, training_figure
from latlas.report.page._panel import Panel, Words

POSITION = 0.05  # of what the model makes up, against which the share of the data is told


def panels() -> tuple[Panel, ...]:
    """All figures of a report, in reading order."""
    return _PANELS


def _filled(*arrays: np.ndarray | None) -> bool:
    return all(array is not None and np.size(array) > 0 for array in arrays)


def _has_reconstructions(data: ReportData) -> bool:
    return _filled(data.items.originals, data.items.reconstructions)


def _has_samples(data: ReportData) -> bool:
    return _filled(data.items.samples)


def _has_prototype(data: ReportData) -> bool:
    return _filled(data.latent.prototype)


def _has_interpolation(data: ReportData) -> bool:
    return _filled(data.latent.interpolation)


def _has_kl(data: ReportData) -> bool:
    return _filled(data.latent.kl_per_dimension)


def _reconstructions_caption(data: ReportData) -> str:
    shown = whose(data.items.of_fit)
    seen = " New examples will be rebuilt less well." if data.items.of_fit else ""
    if kind_of(data.items) == "table":
        return f"Rings are the values of {shown} and dots the model's, rebuilt from the place of each on the map.{seen}"
    return (
        f"{shown.capitalize()} (data) and what the model rebuilds from their places on the map; what differs is what the "
        f"map does not hold.{seen}"
    )


def _left_out(data: ReportData) -> str:
    """How many features of a table are drawn, where not all are."""
    count = size(data.items.shape)
    return (
        f" Of {count:,} features the {MOST_FEATURES} are drawn that vary most."
        if count > MOST_FEATURES
        else ""
    )


def _samples_caption(data: ReportData) -> str:
    if kind_of(data.items) == "table":
        return (
            "Dots are medians, thick lines hold the middle half and thin lines nine tenths of the values; a good model's "
            f"lines lie beside those of the data.{_left_out(data)}"
        )
    text = "Made up by the model, not taken from the data; they should look like data, and differ."
    return text + (" Drawn without the noise of single measurements." if data.items.samples_are_means else "")


def _prototype_caption(data: ReportData) -> str:
    text = "What the middle of the map decodes to: the most typical example, if the model has one."
    if kind_of(data.items) == "table":
        text += " The value of each feature, in the data's own units, stands at the right."
    return text


def _interpolation_caption(data: ReportData) -> str:
    if kind_of(data.items) == "table":
        return "A walk across the map from one example to another; values should change gradually, not jump."
    text = (
        "Each walk across the map goes from one example to another; the steps in between should be plausible "
        "data, not two examples overlaid."
    )
    many = kind_of(data.items) == "series" and len(data.items.shape) > 1 and data.items.shape[-1] > 1
    return text + (" Of several channels the first is drawn." if many else "")


def _map_caption(data: ReportData) -> str:
    points, kept, _, is_pca, explained = project(part(data.latent, "codes"))
    text = "Each point is one example; examples that the model finds alike lie close together."
    text += " Both directions have one scale." if points.shape[1] == 2 else ""
    if is_pca:
        text += (
            f" The two directions of largest spread are drawn; they hold {100 * sum(explained):.0f} % of it, "
            "so points that "
            "overlap here may lie apart in the others."
        )
    left_out = len(part(data.latent, "codes")) - len(kept)
    if left_out:
        text += f" {left_out:,} examples without a finite code were left out."
    if len(points) > MOST_POINTS:
        text += f" Of {len(points):,} examples, one in {1 + len(points) // (MOST_POINTS + 1)} is drawn."
    return text


def _map_alt(data: ReportData) -> str:
    text = f"Scatter plot of {len(part(data.latent, 'codes')):,} examples on the latent map"
    if data.latent.labels is None:
        return text + "."
    labels = read_labels(data.latent.labels)
    by = "a scale" if isinstance(labels, Scale) else f"{len(labels.names)} classes"
    return f"{text}, coloured by {data.latent.label_name} ({by})."


def _training_caption(data: ReportData) -> str:
    text = (
        "The ELBO (to be raised) is the log-likelihood of the rebuilt data less the KL, the price of the "
        "map; flat curves "
        "mean that training has finished."
    )
    valid = curve(data, "valid", "elbo")
    if np.isfinite(valid).any():
        text += " Where validation falls while training still rises, the model learns examples by heart."
    return text


def _training_alt(data: ReportData) -> str:
    ends = []
    for split, name in (("train", "training"), ("valid", "validation")):
        values = curve(data, split, shown_terms(data)[0][0])
        if np.isfinite(values).any():
            ends.append(
                f"{name} {shown_terms(data)[0][1]} ends at {number(values[np.isfinite(values)][-1], 4)} nats"
            )
    return f"Curves over {len(data.measures.history)} reports; {', '.join(ends)}."


def _kl_caption(data: ReportData) -> str:
    return (
        f"How far each dimension's place of an example lies from the prior, on average: at most that much it tells about "
        f"the example. {num_active(data)} of {np.size(part(data.latent, 'kl_per_dimension'))} are in use: those marked × "
        "are not, because they lie where the prior does or move with no example."
    )


def _kl_alt(data: ReportData) -> str:
    return (
        f"Bars: KL of {np.size(part(data.latent, 'kl_per_dimension'))} dimensions, {num_active(data)} in use."
    )


def _reconstructions_alt(data: ReportData) -> str:
    return f"{len(part(data.items, 'originals'))} {whose(data.items.of_fit)} beside their reconstructions."


def _samples_alt(data: ReportData) -> str:
    return f"{len(part(data.items, 'samples'))} items that the model made up."


def _prototype_alt(data: ReportData) -> str:
    return "The item decoded from the middle of the map."


def _interpolation_alt(data: ReportData) -> str:
    rows, steps = np.shape(part(data.latent, "interpolation"))[:2]
    return f"{rows} paths of {steps} decoded items each."


def _residuals_caption(data: ReportData) -> str:
    text = "The data less their reconstructions: what is left over should be noise around zero, of one size. "
    return (
        text
        + {
            "table": f"Thick lines hold the middle half, thin lines nine tenths.{_left_out(data)}",
            "series": "Where the median leaves zero, the model misses a feature that all examples share.",
            "image": "Bright pixels are rebuilt worst.",
        }[kind_of(data.items)]
    )


def _residuals_alt(data: ReportData) -> str:
    return f"Residuals of {len(part(data.items, 'originals')):,} examples."


def _scores_caption(data: ReportData) -> str:
    scores = data.scores
    text = "How probable the model finds each example. "
    if scores is None or scores.share_below is None:
        return text
    low = float(np.mean(scores.share_below < POSITION))
    return (
        f"{text}If the model were right, the data would score as what it makes up does, and {100 * POSITION:.0f} % of them "
        f"below the lowest {100 * POSITION:.0f} % of that: here {100 * low:.0f} % do. This is a predictive check; "
        "the ten worst are listed below."
    )


def _scores_alt(data: ReportData) -> str:
    scores = data.scores
    if scores is None:
        return ""
    known = scores.log_p[np.isfinite(scores.log_p)]
    text = f"Histogram of log p(x) of {len(scores.log_p):,} examples, median {number(float(np.median(known)), 4)} nats"
    if scores.of_samples is None:
        return f"{text}."
    made_up = number(float(np.median(scores.of_samples)), 4)
    return f"{text}, beside {len(scores.of_samples):,} made-up ones, median {made_up}."


def _worst_caption(data: ReportData) -> str:
    return "The lowest log p(x) first, and what the model makes of each; the table below names them."


def _worst_alt(data: ReportData) -> str:
    return "The worst explained examples beside their reconstructions."


def _has_codes(data: ReportData) -> bool:
    return data.latent.codes is not None and len(project(part(data.latent, "codes")).points) > 0


_WITH_DATA = "Held-out examples are needed for this; run `latlas report RUN DATA`."
_FIT_AGAIN = "The run holds none; fit the model again with `latlas fit DATA --out RUN`."

_PANELS = (
    EVIDENCE,
    BRACKET,
    GAP,
    Panel(
        "reconstructions", _has_reconstructions, reconstructions_figure,
        Words("Data and reconstructions", _reconstructions_caption, _reconstructions_alt, _WITH_DATA),
    ),
    Panel(
        "residuals", _has_reconstructions, residuals_figure,
        Words("What is left over", _residuals_caption, _residuals_alt, _WITH_DATA),
        needless=lambda data: not _has_reconstructions(data),
    ),
    Panel(
        "scores", lambda data: finite_scores(data) is not None, scores_figure,
        Words("Does the model make up what it was given?", _scores_caption, _scores_alt, _WITH_DATA),
        needless=lambda data: data.scores is None,
    ),
    Panel(
        "worst", has_worst, worst_figure,
        Words("The worst, rebuilt", _worst_caption, _worst_alt, _WITH_DATA),
        needless=lambda data: not has_worst(data),
    ),
    Panel("map", _has_codes, latent_map_figure, Words("The map", _map_caption, _map_alt, _WITH_DATA)),
    Panel(
        "samples", _has_samples, samples_figure,
        Words(
            "Samples", _samples_caption, _samples_alt,
            "Draw some with `latlas sample RUN --num 64 --out samples.png`.",
        ),
    ),
    Panel(
        "prototype", _has_prototype, prototype_figure,
        Words("The prototype", _prototype_caption, _prototype_alt, _FIT_AGAIN),
    ),
    Panel(
        "interpolation", _has_interpolation, interpolation_figure,
        Words("From one example to another", _interpolation_caption, _interpolation_alt, _WITH_DATA),
    ),
    Panel(
        "training", lambda data: bool(shown_terms(data)), training_figure,
        Words("Training", _training_caption, _training_alt, _FIT_AGAIN),
    ),
    Panel(
        "dimensions", _has_kl, kl_figure,
        Words("What each dimension carries", _kl_caption, _kl_alt, _WITH_DATA),
    ),
    CURVE,
    PRUNING,
)  # fmt: skip
