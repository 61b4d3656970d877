"""What a report shows, as plain arrays: it needs no model, and any part of it may be missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

KINDS = ("image", "series", "table")
SMALLEST_SIDE = 4  # of an image: a (100, 3) item is a series of three channels
_NEEDED = ("betas", "rate", "distortion")
LONGEST_TABLE = 16  # values of an unnamed vector that are still shown one by one


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportData:
    """Everything a report shows. Items may come flat; they are reshaped to `item_shape`.

    Attributes:
        title: what was learned from, in the reader's words.
        item_shape: shape of one example: `(h, w)` or `(h, w, c)` images, `(n,)` vectors, `(time, channels)`
            series.
        item_kind: "image", "series" or "table"; None tells it by the shape and by `feature_names`.
        feature_names: one name per value, for tables.
        facts: short facts shown under the title: name -> value.
        history: one record per reporting interval: `{step, epoch, train: {elbo, log_likelihood, kl, beta,
            ...},
            valid: {...}, seconds}`, in nats per example; None where a number is missing.
        samples: items drawn from the model, `(n, *item_shape)`.
        samples_are_means: whether they lack the likelihood's noise.
        originals: held-out examples, `(n, *item_shape)`; a table is scaled by them, so give many.
        reconstructions: of the originals, same shape.
        codes: posterior means, `(n, latent_dim)`.
        labels: one per code (numbers or strings), or None.
        label_name: what the labels say.
        prototype: the item decoded from the middle of the prior, `item_shape`.
        interpolation: decoded paths, `(rows, steps, *item_shape)`.
        evaluation: what `latlas evaluate --json` prints, in nats per example: `log_evidence`, `elbo`, `rate`,
            `distortion`, and, as far as they were asked for, `bracket`, `gap`, `certificate` and `diagnosis`.
        treatments: what a fit did against its findings, in order: `{finding, measured, remedy, attempt, step,
            why, outcome}`.
        curve: of a path of betas: `betas`, and of each the `rate` and the `distortion`, and as far as they are
            known `rate_standard_error`, `distortion_standard_error`, `kl_per_dimension` (a list per beta),
            `on_hull`, and which beta was `chosen`.
        kl_per_dimension: KL(q || p) of each latent dimension, mean over examples, in nats, `(latent_dim,)`.
        active_threshold: nats above which a dimension counts as in use.
        likelihood: name of the likelihood.
        likelihood_reason: why that one, a sentence.
        seed: of the run.
        fingerprint: of the data.
        options: what was asked for: name -> value.
        versions: of what computed it: package -> version.
        run: the run directory, for the commands that the report suggests.

    Raises:
        ValueError: if sizes disagree; the message names them.
    """

    title: str
    item_shape: tuple[int, ...]
    item_kind: str | None = None
    feature_names: Sequence[str] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    samples: np.ndarray | None = None
    samples_are_means: bool = False
    originals: np.ndarray | None = None
    reconstructions: np.ndarray | None = None
    codes: np.ndarray | None = None
    labels: np.ndarray | Sequence[Any] | None = None
    label_name: str = "label"
    prototype: np.ndarray | None = None
    interpolation: np.ndarray | None = None
    evaluation: Mapping[str, Any] | None = None
    treatments: Sequence[Mapping[str, Any]] = ()
    curve: Mapping[str, Any] | None = None
    kl_per_dimension: np.ndarray | None = None
    active_threshold: float = 0.01
    likelihood: str | None = None
    likelihood_reason: str | None = None
    seed: int | None = None
    fingerprint: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    run: str = "RUN"

    def __post_init__(self) -> None:
        """Checks that the sizes agree."""
        if self.item_kind is not None and self.item_kind not in KINDS:
            raise ValueError(f"item_kind is one of {KINDS} or None; got {self.item_kind!r}.")
        if self.item_kind == "image" and not _is_image(self.item_shape):
            raise ValueError(
                f"An image has shape (h, w) or (h, w, c) with c 1, 3 or 4; got {self.item_shape}."
            )
        for name in ("samples", "originals", "reconstructions"):
            _check_items(name, getattr(self, name), self.item_shape, leading=1)
        _check_items("interpolation", self.interpolation, self.item_shape, leading=2)
        _check_items("prototype", self.prototype, self.item_shape, leading=0)
        if self.feature_names is not None and len(self.feature_names) != size(self.item_shape):
            raise ValueError(
                f"There are {len(self.feature_names)} feature names for items of {size(self.item_shape)} "
                "values; "
                "give one name per value, or none."
            )
        if self.codes is not None and np.ndim(self.codes) != 2:
            raise ValueError(f"codes has shape {np.shape(self.codes)}; give (examples, latent_dim).")
        if self.curve:
            _check_curve(self.curve)
        kl = self.kl_per_dimension
        if self.codes is not None and kl is not None and np.size(kl) != np.shape(self.codes)[1]:
            raise ValueError(
                f"There are {np.size(kl)} KL values for {np.shape(self.codes)[1]} latent dimensions."
            )
        if self.codes is not None and self.labels is not None and len(self.labels) != len(self.codes):
            raise ValueError(
                f"There are {len(self.labels)} labels for {len(self.codes)} codes; give one label per code."
            )
        if self.originals is not None and self.reconstructions is not None:
            if len(self.originals) != len(self.reconstructions):
                raise ValueError(
                    f"There are {len(self.reconstructions)} reconstructions of {len(self.originals)} "
                    "originals; "
                    "give one of each, in the same order."
                )


def part(data: ReportData, name: str) -> np.ndarray:
    """An array of the report that must be there.

    Raises:
        ValueError: if it is missing.
    """
    array = getattr(data, name)
    if array is None:
        raise ValueError(f"The report has no {name}, which this needs; make ReportData with {name}=.")
    return np.asarray(array)


def size(item_shape: tuple[int, ...]) -> int:
    """Number of values in one item."""
    return int(np.prod(item_shape, dtype=int))


def kind_of(data: ReportData) -> str:
    """How one item is drawn: as an "image", a "series" or a "table"."""
    if data.item_kind is not None:
        return data.item_kind
    shape = data.item_shape
    if data.feature_names is not None:
        return "table"
    if _is_image(shape) and min(shape[:2]) >= SMALLEST_SIDE:
        return "image"
    return "series" if size(shape) > LONGEST_TABLE else "table"


def shaped(items: np.ndarray, data: ReportData) -> np.ndarray:
    """The items as floats, `item_shape` last; infinities become NaN, which is left blank."""
    items = np.asarray(items, dtype=float)
    shape = data.item_shape
    if items.shape[-len(shape) :] != shape:
        items = items.reshape(*items.shape[:-1], *shape)
    return np.where(np.isfinite(items), items, np.nan)


def _is_image(item_shape: tuple[int, ...]) -> bool:
    return len(item_shape) == 2 or (len(item_shape) == 3 and item_shape[-1] in (1, 3, 4))


def _check_items(name: str, items: np.ndarray | None, item_shape: tuple[int, ...], *, leading: int) -> None:
    if items is None:
        return
    shape = np.shape(items)
    if shape[leading:] not in (item_shape, (size(item_shape),)) or 0 in item_shape:
        raise ValueError(
            f"{name} has shape {shape}; expected {leading} leading axes and then {item_shape} or "
            f"{(size(item_shape),)}."
        )


def _check_curve(curve: Mapping[str, Any]) -> None:
    for name in _NEEDED:
        if curve.get(name) is None:
            raise ValueError(f"The curve has no {name}; give one number per beta.")
    count = len(curve["betas"])
    for name in (*_NEEDED, "rate_standard_error", "distortion_standard_error", "kl_per_dimension", "on_hull"):
        column = curve.get(name)
        if column is not None and len(column) != count:
            raise ValueError(
                f"The curve has {len(column)} values of {name} for {count} betas; give one per beta."
            )
