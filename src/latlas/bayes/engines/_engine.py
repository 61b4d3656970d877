"""Engines: ways to bring an approximation near a density."""

import abc
from dataclasses import dataclass, field
from typing import Any, Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.distributions.families import AbstractApproximation, AbstractFamily

Repair = Literal["linear response", "weighted moments"]


@dataclass(frozen=True)
class EngineResult:
    """What an engine found, in the coordinates of the density it was given.

    Attributes:
        approximation: the distribution.
        converged: whether the engine's own criterion was met.
        message: how it ended, as it reads after "The engine": no capital, no full stop.
        covariance: a better estimate of the posterior's covariance than the approximation's own; None where there is
            none.
        repair: where that covariance comes from.
        mean: the posterior's mean where the engine knows it better than its approximation does, `(n,)`; else None.
        draws: draws that an engine which produces a sample (NUTS, SVGD) would rather return than draws of
            `approximation`; `(draws, n)`, or `(chains, draws, n)` of a Markov chain; None elsewhere.
        details: numbers for the record, JSON.
    """

    approximation: AbstractApproximation
    converged: bool
    message: str
    covariance: Float[np.ndarray, "n n"] | None = None
    repair: Repair = "linear response"
    mean: Float[np.ndarray, " n"] | None = None
    draws: Float[np.ndarray, "... draws n"] | None = None
    details: dict[str, Any] = field(default_factory=dict)


class AbstractEngine(eqx.Module):
    """A way to fit. Its attributes are options, each with a default that no user needs to touch.

    Attributes:
        name: as users say it, such as "batch-and-match".
        families: the names of the families it can fit, the default first.
    """

    name: eqx.AbstractClassVar[str]
    families: eqx.AbstractClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """Fit a member of `family` to `density`, which is whitened: the standard normal is a fair first guess.

        Called in the float64 scope.

        Args:
            key: for all that is drawn.
            density: in whitened coordinates, one unit about a posterior standard deviation.
            family: one of those in `families`.
            tolerance: wanted accuracy of the means, in posterior standard deviations.

        Raises:
            WorkError: where nothing usable comes out, in a sentence.
        """
