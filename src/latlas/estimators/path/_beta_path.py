"""A path of betas: one atlas for each price of a nat, their rate-distortion curve, and the choice among them."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from latlas.core import RequestError, in_float32
from latlas.data import Table
from latlas.estimators._atlas import Atlas
from latlas.estimators._memory import size_said
from latlas.estimators._options import check_options
from latlas.estimators._plan import Plan
from latlas.estimators._rows import checked_rows
from latlas.estimators.path._fit import fit_path
from latlas.estimators.path._store import check_place, read_path, write_path
from latlas.evaluation.rate import checked_betas
from latlas.training import checked_callbacks


class BetaPath(BaseEstimator):
    """Atlases of the same data at several prices of information, fitted side by side as one compiled program.

    All start from the same weights and see the same batches and the same noise, so that they differ by beta alone. There
    is no early stopping: each is the last model of its run.

    Attributes:
        betas_: the betas, rising.
        curve_: rate, distortion and ELBO of each on the rows kept apart (see `evaluation.RateDistortionCurve`).
        atlases_: one fitted `Atlas` per beta.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 5))
    >>> path = BetaPath(Atlas(latent_dim=2, hidden=(8,), epochs=2, random_state=0), betas=(10, 0.1)).fit(x)
    >>> path.betas_.tolist(), path.curve_.rate.shape, path.choose(beta=10).beta
    ([0.1, 10.0], (2,), 10.0)
    """

    def __init__(self, atlas: Atlas | None = None, *, betas: Sequence[float] = (0.1, 0.3, 1.0, 3.0, 10.0)):
        """Keeps the options; `fit` checks them.

        Args:
            atlas: the options of every fit, of which `beta` and `patience` are not looked at; by default `Atlas()`.
            betas: prices of a nat of information in the latent, positive, each once.
        """
        self.atlas = atlas
        self.betas = betas

    @in_float32
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        run: str | os.PathLike | None = None,
        overwrite: bool = False,
        callbacks: Sequence[Any] = (),
    ) -> "BetaPath":
        """Fits one atlas per beta.

        Args:
            X: as in `Atlas.fit`.
            y: ignored.
            run: a folder for the path, written at the end (see `save`).
            overwrite: replace the path that stands there.
            callbacks: see `training.FitCallback`; the terms of a report are arrays, one number per beta.

        Returns:
            Itself.

        Raises:
            DataError: if the data cannot be used.
            RequestError: if an option makes no sense, or a path of betas cannot have it.
            RunExistsError: if something stands at `run`.
        """
        if run is not None:
            check_place(run, overwrite=overwrite)
        betas = checked_betas(np.sort(np.asarray(self.betas, np.float64), axis=None))
        atlas = Atlas() if self.atlas is None else _clone(self.atlas)
        atlas.set_params(patience=None)
        options = atlas.get_params(deep=False)
        check_options(options)
        for name in ("max_error", "cure"):
            if options[name] is not None:
                raise RequestError(
                    f"A path of betas sets the price of information itself, and {name} changes it: leave {name} out, "
                    "or fit a single Atlas."
                )
        callbacks = checked_callbacks(callbacks)
        x, item_shape = checked_rows(atlas, X, None)
        names = [str(name) for name in getattr(atlas, "feature_names_in_", ())] or None
        plan = Plan.of(options, x, names, X if isinstance(X, Table) else None)
        plan.announce()
        with size_said(plan.spec, len(betas)):
            records, self.curve_ = fit_path(plan, betas, callbacks)
        self.betas_, self.atlases_ = betas, []
        for beta, record in zip(betas, records, strict=True):
            one = _clone(atlas).set_params(beta=float(beta))
            one.n_features_in_ = atlas.n_features_in_
            if names is not None:
                one.feature_names_in_ = atlas.feature_names_in_
            one._adopt(record, item_shape)
            self.atlases_.append(one)
        if run is not None:
            self.save(run, overwrite=overwrite)
        return self

    def choose(
        self, *, rate: float | None = None, distortion: float | None = None, beta: float | None = None
    ) -> Atlas:
        """The atlas for a target; without one, that of the highest ELBO.

        Args:
            rate: nats per example that the latent is to hold: of those on the curve's hull, the atlas whose beta is
                nearest to the one that `curve_.beta_for` finds; or give
            distortion: nats per example that may be lost; or give
            beta: a price; the nearest beta of the path, as a ratio.

        Raises:
            RequestError: if there are several targets, or the target lies outside the curve.
        """
        check_is_fitted(self, "curve_")
        return self.atlases_[self.chosen(rate=rate, distortion=distortion, beta=beta)]

    def chosen(
        self, *, rate: float | None = None, distortion: float | None = None, beta: float | None = None
    ) -> int:
        """The place in `betas_` of what `choose` chooses.

        Args:
            rate: as in `choose`.
            distortion: as in `choose`.
            beta: as in `choose`.
        """
        check_is_fitted(self, "curve_")
        targets = [target for target in (rate, distortion, beta) if target is not None]
        if len(targets) > 1:
            raise RequestError(
                f"A choice takes one target; got {len(targets)}: give rate, distortion or beta."
            )
        if not targets:
            if not np.any(np.isfinite(self.curve_.elbo)):
                raise RequestError(
                    "No model of the path is finite, so that there is none to choose: lower the learning rate."
                )
            return int(np.nanargmax(self.curve_.elbo))
        if beta is not None and not (np.isfinite(beta) and beta > 0):
            raise RequestError(f"A price of information is a positive number; got beta={beta:g}.")
        wanted = self.curve_.beta_for(rate=rate, distortion=distortion) if beta is None else beta
        places = np.arange(len(self.betas_)) if beta is not None else self.curve_.hull()
        nearest = np.argmin(np.abs(np.log(self.betas_[places]) - np.log(wanted)))
        return int(places[nearest])

    def save(self, path: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Writes the path: `rate_distortion.json`, and one run directory `beta-...` for each atlas.

        Each of them is what `latlas.load` and the command line take; `BetaPath.load` brings the whole back.

        Args:
            path: a folder that does not exist or is empty.
            overwrite: replace the path that is there.

        Raises:
            RunExistsError: if something else is there, or a path and not `overwrite`.
        """
        check_is_fitted(self, "curve_")
        write_path(path, self.atlases_, self.curve_, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "BetaPath":
        """A path that `save` wrote; nothing that stands there is executed.

        Args:
            path: the folder.

        Raises:
            RequestError: if no path is there.
            CorruptFileError: if a file is damaged.
        """
        atlases, curve = read_path(path)
        template = _clone(atlases[0]).set_params(beta=Atlas().beta)
        found = cls(template, betas=tuple(curve.betas.tolist()))
        found.atlases_, found.curve_, found.betas_ = atlases, curve, curve.betas
        return found


def _clone(atlas: Atlas) -> Atlas:
    return clone(atlas)  # pyright: ignore[reportReturnType]  # scikit-learn's `clone` also takes containers
