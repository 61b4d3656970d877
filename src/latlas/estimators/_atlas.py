"""The estimator: a variational autoencoder of a table or of images, with scikit-learn's verbs."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from latlas.core import CorruptFileError, Example, RunDirectory, built_in_float32, in_float32, map_batches
from latlas.data import Table
from latlas.estimators._compute import draws, likelihood_means, log_evidence, posterior_moments
from latlas.estimators._measures import MeasuresMixin
from latlas.estimators._memory import size_said
from latlas.estimators._options import check_options, checked_count, jsonable
from latlas.estimators._plan import Plan
from latlas.estimators._record import FitRecord, config_of, read_config, read_record
from latlas.estimators._resolve import LIKELIHOODS
from latlas.estimators._rows import checked_latents, checked_rows
from latlas.estimators._run import begun, saved
from latlas.evaluation import refine as refined
from latlas.latent import encode, posterior_scale
from latlas.models import VAE
from latlas.training import checked_callbacks

_ROWS, _SCORED_ROWS = 256, 64


class Atlas(MeasuresMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A generative map of data: a variational autoencoder that looks at the data and chooses its likelihood.

    All log-densities are in nats per example and in the data's own units: what standardisation did to them is undone.
    With the same `random_state` two fits on one machine give the same bits.

    Attributes:
        likelihood_: the name of the likelihood.
        likelihood_reason_: why it was chosen, in a sentence.
        history_: the reports of the fit: `step`, `epoch`, `train` and `valid` with `elbo`, `log_likelihood` and `kl`.
        n_iter_: epochs done.
        n_features_in_: numbers per example.
        item_shape_: shape of one example.
        record_: the fitted model as JSON and arrays.
        treatments_: with `cure`, what was done, in order: dicts of `finding`, `measured`, `remedy`, `attempt`, `step`, `why`
            and `outcome` (see `evaluation.Treatment`); empty for a healthy fit, and without `cure`.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 5))
    >>> atlas = Atlas(latent_dim=2, hidden=(8,), epochs=2, random_state=0).fit(x)
    >>> atlas.likelihood_, atlas.transform(x).shape, atlas.sample(3).shape
    ('gaussian', (60, 2), (3, 5))
    """

    n_features_in_: int  # these two are set by scikit-learn's checks
    feature_names_in_: np.ndarray

    def __init__(
        self,
        *,
        likelihood: str = "auto",
        levels: int | Sequence[float] | None = None,
        latent_dim: int = 8,
        hidden: Sequence[int] | None = None,
        network: str = "mlp",
        activation: str = "tanh",
        beta: float = 1.0,
        warm_up: float = 0.1,
        learning_rate: float = 1e-3,
        batch_size: int = 100,
        epochs: int | None = None,
        validation_fraction: float = 0.1,
        patience: int | None = 20,
        max_error: float | None = None,
        cure: str | None = None,
        precision: str = "float32",
        random_state: Any = None,
        verbose: bool | str = "auto",
    ):
        """Keeps the options; `fit` checks them.

        Args:
            likelihood: "auto" (see `data.choose_likelihood`), or bernoulli, continuous_bernoulli, gaussian, laplace,
                student_t, poisson, categorical, discretised_logistic.
            levels: what an entry can be under categorical and discretised_logistic: a number K for 0, ..., K - 1, or
                (minimum, step, number); by default those between the smallest and the largest entry. State them
                where a rare one may be missing from the rows of a fit, as in a fold of a cross-validation.
            latent_dim: number of latent dimensions.
            hidden: widths of the hidden layers, or channels of the convolutions, a number for one; by default (200, 200) and
                (32, 64).
            network: "mlp" or "conv" (sequences and images).
            activation: name of the activation.
            beta: price of a nat of information in the latent; 1 is the ELBO.
            warm_up: share of the run over which `beta` rises from 0; 0 for none.
            learning_rate: of Adam.
            batch_size: rows per step.
            epochs: passes over the data; by default as many as make 5,000 steps, at least 20 and at most 300.
            validation_fraction: share of the rows kept apart to stop early and to keep the best model; 0 for none.
            patience: reports without a lower validation loss after which the fit stops, but not before 200 steps without
                one (an epoch of few rows is a step); `None` for never.
            max_error: largest root mean square error of a reconstruction (decoded from a draw of q), over all entries and
                in the data's unit: a constraint with a multiplier, driven by the rows kept apart; `None` for none. The fit
                then ends at its last step, and says in the log where the constraint could not be met.
            cure: "auto" to watch the fit, to treat what is found wrong with it, and to keep the attempt with the best
                validation ELBO (see `treatments_`); a healthy fit is the same bits as without. `None` for one fit as asked.
            precision: "float32", or "bfloat16" for the products of an MLP.
            random_state: an integer for the same bits every time, a `RandomState`, or `None`.
            verbose: whether to show progress on standard error; "auto" where somebody looks on: in a notebook, and at
                Python's prompt.
        """
        self.likelihood = likelihood
        self.levels = levels
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.network = network
        self.activation = activation
        self.beta = beta
        self.warm_up = warm_up
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.max_error = max_error
        self.cure = cure
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @in_float32
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        run: RunDirectory | str | os.PathLike | None = None,
        resume: bool = False,
        overwrite: bool = False,
        callbacks: Sequence[Any] = (),
    ) -> "Atlas":
        """Fits the map.

        Args:
            X: `(examples, features)` or images `(examples, height, width[, channels])`, at least two rows; an array, a
                DataFrame, or what `data.read` returns.
            y: ignored.
            run: a run directory, or a path where one is made; configuration, checkpoints, metrics and the model are kept.
            resume: go on with the run that `run` holds, which then is the same bits as if it had never stopped; the
                data and the options must be the same, but for the epochs of a finished run: with more of them it is trained
                further, as if it had been asked for them (the warm-up of beta is a share of the whole run; `patience`
                may be another one for a run that stopped early).
            overwrite: replace the run that stands at the path `run`.
            callbacks: see `training.FitCallback`.

        Returns:
            Itself.

        Raises:
            DataError: if the data cannot be used.
            RequestError: if an option makes no sense, or the run cannot be resumed with it.
            NonFiniteError: if the loss stays not finite.
            InterruptedRunError: on SIGTERM, SIGINT or SIGUSR1; a run directory then holds the state to resume.
        """
        options = self.get_params(deep=False)
        check_options(options)
        callbacks = checked_callbacks(callbacks)
        x, item_shape = checked_rows(self, X, None)
        names = [str(name) for name in getattr(self, "feature_names_in_", ())] or None
        plan = Plan.of(options, x, names, X if isinstance(X, Table) else None)
        plan, run, finished = begun(plan, run, resume=resume, overwrite=overwrite)
        if finished is None:
            plan.announce()
        with size_said(plan.spec):
            self._adopt(finished or plan.fit(run, callbacks), item_shape)
        return self

    def _adopt(self, record: FitRecord, item_shape: tuple[int, ...]) -> None:
        self.record_, self.item_shape_ = record, tuple(item_shape)
        self.likelihood_, self.likelihood_reason_ = record.spec.likelihood, record.reason
        self.history_, self.treatments_ = record.history, list(record.treatments or ())
        self.n_iter_ = max(1, round(record.history[-1]["epoch"])) if record.history else 1
        self._n_features_out = record.spec.latent_dim
        self._model = record.model()

    @property
    def model_(self) -> VAE:
        """The model, over the data in the model's units (`record_.units.to_model(x)`)."""
        check_is_fitted(self)
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        # scikit-learn's annotation says `object`, and it is a dict
        state: dict[str, Any] = super().__getstate__()  # pyright: ignore[reportAssignmentType]
        return {name: value for name, value in state.items() if name != "_model"}

    @built_in_float32
    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "record_" in state:
            self._model = self.record_.model()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = self.random_state is None
        return tags

    def checked_table(self, table: Table) -> Table:
        """The table with its columns in the order of the fit.

        Raises:
            DataError: if it cannot be the same kind of data as those fitted.
        """
        check_is_fitted(self)
        x, _ = checked_rows(self, table, self.item_shape_)
        columns = getattr(self, "feature_names_in_", None)
        return replace(table, x=x, columns=None if columns is None else tuple(map(str, columns)))

    def _model_rows(self, X: Any) -> tuple[Shaped[np.ndarray, "examples ..."], np.dtype]:
        check_is_fitted(self)
        x, _ = checked_rows(self, X, self.item_shape_)
        dtype = np.dtype(np.float32 if x.dtype == np.float32 else np.float64)
        return self.record_.units.to_model(x), dtype

    @in_float32
    def encode(
        self, X: Any, *, refine: bool = False, random_state: Any = None
    ) -> tuple[Float[np.ndarray, "examples latent"], Float[np.ndarray, "examples latent"]]:
        """Means and standard deviations of q(z | x).

        Args:
            X: data of the shape of those fitted.
            refine: go on from the encoder's guess to the best q of each row: slower, and closer to the posterior.
            random_state: of the draws that refining takes; `None` for the seed of the fit.
        """
        x, dtype = self._model_rows(X)
        if refine:
            better = refined(self._key(random_state), self._model, Example(x))
            loc, scale = encode(better.model, better.batch), posterior_scale(better.model, better.batch)
        else:
            loc, scale = map_batches(
                lambda x: posterior_moments(self._model, x), x, min_rows=_ROWS, max_rows=_ROWS
            )
        return loc.astype(dtype), scale.astype(dtype)

    def transform(self, X: Any) -> Float[np.ndarray, "examples latent"]:
        """Means of q(z | x): the place of each row on the map, the same at every call and whatever else is in X."""
        return self.encode(X)[0]

    @in_float32
    def inverse_transform(self, Z: Any) -> Float[np.ndarray, "examples ..."]:
        """E[x | z] in the data's units, in the shape of the data (for categories: the likeliest).

        Args:
            Z: latents, one row each; the columns of a DataFrame are known by the names that `transform` gives them.
        """
        check_is_fitted(self)
        z = checked_latents(Z, [str(name) for name in self.get_feature_names_out()])
        return self._to_data(
            map_batches(lambda z: likelihood_means(self._model, z), z, min_rows=_ROWS, max_rows=_ROWS),
            mean=True,
        )

    def _to_data(self, x: np.ndarray, *, mean: bool) -> np.ndarray:
        record = self.record_
        if mean:
            return record.units.to_data(LIKELIHOODS[record.spec.likelihood].point(x))
        drawn = record.units.to_data(x)
        dtype = np.dtype(record.data["dtype"])
        return drawn if dtype.kind == "f" else drawn.astype(dtype)

    def reconstruct(self, X: Any) -> Float[np.ndarray, "examples ..."]:
        """What the map makes of each row: the decoded mean of its posterior, in the data's units."""
        return self.inverse_transform(self.encode(X)[0])

    @in_float32
    def sample(
        self, num_samples: int = 1, *, draw: bool = True, random_state: Any = None
    ) -> Shaped[np.ndarray, "samples ..."]:
        """New data: z from the prior, then x from the likelihood, in the data's units.

        Args:
            num_samples: how many.
            draw: `False` for the likelihood's mean instead of a draw from it: smoother to look at, not data.
            random_state: as in scikit-learn; `None` for the seed of the fit, so that two calls give the same.
        """
        check_is_fitted(self)
        index = np.arange(checked_count("num_samples", num_samples), dtype=np.uint32)
        x = map_batches(
            lambda i: draws(self._model, self._key(random_state), i, draw=draw),
            index,
            min_rows=_ROWS,
            max_rows=_ROWS,
        )
        return self._to_data(x, mean=not draw)

    @in_float32
    def score_samples(
        self, X: Any, *, num_samples: int = 100, random_state: Any = None
    ) -> Float[np.ndarray, " examples"]:
        """Importance-weighted log p(x) of each row, in nats and in the data's units (for levels: log-probabilities).

        A lower bound in expectation that rises to log p(x) with `num_samples`. A row's draws follow from its content
        and the seed alone, so that its score does not depend on what else is in X.

        Args:
            X: data of the shape of those fitted.
            num_samples: importance samples per row; see `evaluate` for how far to trust the result.
            random_state: as in scikit-learn; `None` for the seed of the fit.
        """
        num_samples = checked_count("num_samples", num_samples)
        x, _ = self._model_rows(X)
        key = self._key(random_state)
        scores = map_batches(
            lambda x: log_evidence(self._model, key, x, num_samples=num_samples),
            x,
            min_rows=_SCORED_ROWS,
            max_rows=_SCORED_ROWS,
        )
        return scores.astype(np.float64)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`: the log-likelihood per example, in nats.

        Args:
            X: data of the shape of those fitted.
            y: ignored.
        """
        return float(np.mean(self.score_samples(X)))

    def save(self, path: str | os.PathLike, *, overwrite: bool = False) -> RunDirectory:
        """Writes the fitted map as a run directory, from which `latlas.load` brings it back.

        Args:
            path: a folder that does not exist or is empty.
            overwrite: replace the run that is there.
        """
        check_is_fitted(self)
        return saved(self.record_, self._config(), path, overwrite=overwrite)

    def _config(self) -> dict[str, Any]:
        record = self.record_
        names = [str(name) for name in getattr(self, "feature_names_in_", ())] or None
        parameters = jsonable(self.get_params(deep=False))
        return config_of(
            parameters, record.spec, record.units, record.seed, record.reason, record.data, names
        )

    def summary(self) -> dict[str, Any]:
        """What was fitted to what, as plain values for JSON: likelihood and reason, shapes, epochs, ELBO kept."""
        check_is_fitted(self)
        return self.record_.summary() | {"epochs": self.n_iter_}


@built_in_float32
def load(path: str | os.PathLike | RunDirectory) -> Atlas:
    """The fitted `Atlas` in a run directory; nothing that stands there is executed.

    Args:
        path: what `Atlas.save`, `Atlas.fit(run=...)` or `latlas fit` wrote.

    Raises:
        RequestError: if there is no run, or it has no model yet.
        CorruptFileError: if a file is damaged.
    """
    run = path if isinstance(path, RunDirectory) else RunDirectory.open(path)
    record, config = read_record(run), read_config(run)
    parameters, names = dict(config["parameters"]), config["feature_names"]
    for name in ("hidden", "levels"):
        if isinstance(parameters.get(name), list):
            parameters[name] = tuple(parameters[name])
    try:
        atlas = Atlas(**parameters)
        check_options(atlas.get_params(deep=False))
    except (TypeError, ValueError) as error:
        raise CorruptFileError(
            f"{run.path}/config.json does not describe an Atlas (parameters: {error}): restore it from a copy, or fit again."
        ) from error
    atlas.n_features_in_ = math.prod(record.spec.item_shape)
    if names is not None:
        atlas.feature_names_in_ = np.array(names, dtype=object)
    atlas._adopt(record, record.spec.item_shape)
    return atlas
