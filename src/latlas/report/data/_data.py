"""What a report shows, as plain arrays: it needs no model, and any part of it may be missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latlas.evaluation.rate import ACTIVE_UNIT_THRESHOLD
from latlas.report.data._items import Items, check_items
from latlas.report.data._scores import Scores

_NEEDED = ("betas", "rate", "distortion")


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Where the examples lie, and what lies at some places.

    Attributes:
        codes: posterior means, `(n, latent_dim)`.
        labels: one per code (numbers or strings), or None.
        label_name: what the labels say.
        kl_per_dimension: KL(q || p) of each latent dimension, mean over examples, in nats, `(latent_dim,)`.
        active_threshold: nats above which a dimension counts as in use, if its codes differ between examples as well.
        prototype: the item decoded from the middle of the prior, of the items' shape.
        interpolation: decoded paths, `(rows, steps, *shape)`.

    Raises:
        ValueError: if sizes disagree; the message names them.
    """

    codes: np.ndarray | None = None
    labels: np.ndarray | Sequence[Any] | None = None
    label_name: str = "label"
    kl_per_dimension: np.ndarray | None = None
    active_threshold: float = 0.01
    prototype: np.ndarray | None = None
    interpolation: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Checks that the sizes agree."""
        if self.codes is None:
            return
        if np.ndim(self.codes) != 2:
            raise ValueError(f"codes has shape {np.shape(self.codes)}; give (examples, latent_dim).")
        kl = self.kl_per_dimension
        if kl is not None and np.size(kl) != np.shape(self.codes)[1]:
            raise ValueError(
                f"There are {np.size(kl)} KL values for {np.shape(self.codes)[1]} latent dimensions."
            )
        if self.labels is not None and len(self.labels) != len(self.codes):
            raise ValueError(
                f"There are {len(self.labels)} labels for {len(self.codes)} codes; give one label per code."
            )

    @property
    def in_use(self) -> np.ndarray | None:
        """Which dimensions are in use, `(latent_dim,)`: they cost nats and tell examples apart; None without their KL.

        A KL alone is no use: a dimension whose code is the same far from the prior for every example has a large one.
        """
        if self.kl_per_dimension is None:
            return None
        costly = np.asarray(self.kl_per_dimension, dtype=float).ravel() > self.active_threshold
        if self.codes is None:
            return costly
        codes = np.asarray(self.codes, dtype=float)
        codes = codes[np.isfinite(codes).all(axis=1)]
        return costly & (codes.var(axis=0) > ACTIVE_UNIT_THRESHOLD) if len(codes) > 1 else costly


@dataclass(frozen=True, eq=False)
class Measures:
    """What was measured, while the model was fitted and after.

    Attributes:
        evaluation: what `evaluation.json` holds, in nats per example: `log_evidence`, `elbo`, `rate`,
            `distortion`, and, as far as they were asked for, `bracket`, `gap`, `certificate` and `diagnosis`.
        history: one record per reporting interval: `{step, epoch, train: {elbo, log_likelihood, kl, beta, ...},
            valid: {...}, seconds}`, in nats per example; None where a number is missing.
        treatments: what a fit did against its findings, in order: `{finding, measured, remedy, attempt, step,
            why, outcome}`.
        curve: of a path of betas: `betas`, and of each the `rate` and the `distortion`, and as far as they are
            known `rate_standard_error`, `distortion_standard_error`, `kl_per_dimension` (a list per beta),
            `on_hull`, and which beta was `chosen`.

    Raises:
        ValueError: if the columns of the curve differ in length.
    """

    evaluation: Mapping[str, Any] | None = None
    history: Sequence[Mapping[str, Any]] = ()
    treatments: Sequence[Mapping[str, Any]] = ()
    curve: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Checks the columns of the curve."""
        if self.curve:
            _check_curve(self.curve)


@dataclass(frozen=True, eq=False)
class RunDetails:
    """About the run: what was asked for, of which data, and with what.

    Attributes:
        path: the run directory, for the commands that the report suggests.
        facts: short facts shown under the title: name -> value.
        likelihood: name of the likelihood.
        likelihood_reason: why that one, a sentence.
        seed: of the run.
        fingerprint: of the data.
        options: what was asked for: name -> value.
        versions: of what computed it: package -> version.
    """

    path: str = "RUN"
    facts: Mapping[str, Any] = field(default_factory=dict)
    likelihood: str | None = None
    likelihood_reason: str | None = None
    seed: int | None = None
    fingerprint: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything a report shows; what is missing is left out of the page.

    Attributes:
        title: what was learned from, in the reader's words.
        items: what one example is, some of them, and what the model makes of them.
        latent: where the examples lie, and what lies at some places.
        measures: what was measured.
        run: what was asked for, of which data, and with what.
        scores: how single examples are explained; None where that was not measured.

    Raises:
        ValueError: if what the map decodes to has another shape than the items.
    """

    title: str
    items: Items
    latent: LatentMap = field(default_factory=LatentMap)
    measures: Measures = field(default_factory=Measures)
    run: RunDetails = field(default_factory=RunDetails)
    scores: Scores | None = None

    def __post_init__(self) -> None:
        """Checks that decoded items have the shape of an item."""
        check_items("interpolation", self.latent.interpolation, self.items.shape, leading=2)
        check_items("prototype", self.latent.prototype, self.items.shape, leading=0)


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
