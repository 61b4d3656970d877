"""What can be measured of a fitted estimator: evidence from both sides, where the nats go, what is wrong."""

from collections.abc import Callable
from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray, Shaped

from latlas.core import Example, in_float32
from latlas.estimators._options import checked_count, seed_of
from latlas.estimators._record import FitRecord
from latlas.evaluation import (
    Annealing,
    Bracket,
    Diagnosis,
    Evaluation,
    Gap,
    Refinement,
    annealed_log_evidence,
    bracket,
    diagnose,
    evaluate,
    gap,
)
from latlas.evaluation.evidence import EvidencePerExample
from latlas.models import VAE, AbstractLatentModel


class MeasuresMixin:
    """The measures of a fitted model, for an estimator with `_model`, `_model_rows`, `history_` and `record_`.

    All in nats per example and in the data's own units. `random_state` is scikit-learn's; `None` is the seed of the fit,
    so that two calls give the same.
    """

    _model: VAE
    _model_rows: Callable[[Any], tuple[Shaped[np.ndarray, "examples ..."], np.dtype]]
    history_: list[dict[str, Any]]
    record_: FitRecord

    @in_float32
    def evaluate(
        self,
        X: Any,
        *,
        num_samples: int = 1000,
        random_state: Any = None,
        chunk_size: int = 500,
        progress: Any = None,
    ) -> Evaluation:
        """How good the map is on data: evidence with its error and verdict, ELBO, rate, distortion, active units.

        Args:
            X: data of the shape of those fitted; held-out data, for a figure that means something.
            num_samples: importance samples per row.
            random_state: as in scikit-learn; `None` for the seed of the fit.
            chunk_size: draws decoded at once; memory grows with it.
            progress: called with the rows done and the rows in all.

        Returns:
            All in nats per example and in the data's units; `to_dict()` gives plain values.
        """
        return evaluate(
            *self._measured(X, random_state),
            num_samples=checked_count("num_samples", num_samples),
            chunk_size=chunk_size,
            progress=progress,
        )

    @in_float32
    def annealed_log_evidence(
        self,
        X: Any,
        *,
        annealing: Annealing | None = None,
        random_state: Any = None,
        progress: Any = None,
    ) -> EvidencePerExample:
        """Log p(x) of each row by annealed importance sampling from q(z | x): more expensive than `evaluate`, and tighter.

        Args:
            X: data of the shape of those fitted.
            annealing: temperatures, chains and transition; `evaluation.Annealing()` by default.
            random_state: as in scikit-learn; `None` for the seed of the fit.
            progress: called with the rows done and the rows in all.
        """
        return annealed_log_evidence(
            *self._measured(X, random_state),
            annealing=annealing,
            proposal=self._model.posterior,
            progress=progress,
        )

    @in_float32
    def bracket(
        self,
        X: Any,
        *,
        annealing: Annealing | None = None,
        num_simulated: int = 20,
        random_state: Any = None,
        progress: Any = None,
    ) -> Bracket:
        """Log p(x) from both sides: a lower bound, and an estimate from above that says how far to trust it.

        Args:
            X: data of the shape of those fitted. A row costs `num_temperatures * num_chains` transitions on either side.
            annealing: temperatures, chains and transition; `evaluation.Annealing()` by default.
            num_simulated: examples drawn from the model, on which both sides are bounds: their distance says how far
                the sides are to be trusted on data.
            random_state: as in scikit-learn; `None` for the seed of the fit.
            progress: called with the rows done and the rows in all.
        """
        return bracket(
            *self._measured(X, random_state),
            annealing=annealing,
            num_simulated=num_simulated,
            progress=progress,
        )

    @in_float32
    def gap(
        self,
        X: Any,
        *,
        refinement: Refinement | None = None,
        num_samples: int = 1000,
        random_state: Any = None,
        progress: Any = None,
    ) -> Gap:
        """What lies between the ELBO and log p(x), split: what the family costs, and what the encoder costs.

        Args:
            X: data of the shape of those fitted.
            refinement: how the best q of each row is found; `evaluation.Refinement()` by default.
            num_samples: importance samples per row for log p(x), with the refined q as proposal.
            random_state: as in scikit-learn; `None` for the seed of the fit.
            progress: called with the rows done and the rows in all.
        """
        return gap(
            *self._measured(X, random_state),
            refinement=refinement or Refinement(),
            num_samples=num_samples,
            progress=progress,
        )

    @in_float32
    def diagnose(
        self, X: Any, *, train: Any = None, random_state: Any = None, progress: Any = None
    ) -> Diagnosis:
        """What is wrong with the fit, by name, with the number that shows it and what to do.

        Args:
            X: data that the fit has not seen.
            train: data that it has, to tell overfitting; without them the fit's own history is asked.
            random_state: as in scikit-learn; `None` for the seed of the fit.
            progress: called with the rows done and the rows in all.
        """
        return diagnose(
            *self._measured(X, random_state),
            train=None if train is None else self._examples(train),
            history=self.history_,
            progress=progress,
        )

    def _measured(self, X: Any, random_state: Any) -> tuple[PRNGKeyArray, AbstractLatentModel, Example]:
        """What every measure begins with."""
        return self._key(random_state), self._model, self._examples(X)

    def _examples(self, X: Any) -> Example:
        return Example(self._model_rows(X)[0])

    def _key(self, random_state: Any) -> PRNGKeyArray:
        return jr.key(self.record_.seed if random_state is None else seed_of(random_state))
