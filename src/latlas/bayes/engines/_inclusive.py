"""Inclusive variational inference: forward KL by adaptive importance sampling."""

from typing import ClassVar

from jaxtyping import PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.bayes.engines._importance_fit import fit_by_importance
from latlas.bayes.engines._maximum_likelihood import has_moments
from latlas.distributions.families import AbstractFamily


class Inclusive(AbstractEngine):
    r"""Minimises $KL(p \,\|\, q)$: covers the posterior's mass, all modes that its draws find included.

    Importance sampling with a proposal that is fitted to the weighted draws, round by round. Gaussian families take the
    weighted moments, which is their exact optimum, and report all of them, correlations included; others take the
    weighted maximum likelihood. Needs values of the log
    density, no gradients. It fails in many dimensions (beyond some 30), where a few draws carry all weight; its Pareto
    k says so.

    References:
        Cappe, Douc, Guillin, Marin, Robert 2008, arXiv:0710.4242 (adaptive mixtures); Vehtari et al. 2024,
        arXiv:1507.02646 (smoothing); Naesseth, Lindsten, Blei 2020, arXiv:2003.10374 (forward KL).
    """

    name: ClassVar[str] = "inclusive"
    families: ClassVar[tuple[str, ...]] = (
        "full-rank",
        "mean-field",
        "low-rank",
        "block",
        "structured",
        "mixture",
        "flow",
    )

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """Fits `family` to `density` from the standard normal."""
        fit = fit_by_importance(key, density, family, alpha=0.0, tolerance=tolerance)
        return EngineResult(
            fit.approximation,
            fit.converged,
            fit.message,
            # a normal may lack the room for it; what is no normal shows its own shape
            covariance=fit.last.covariance if has_moments(family) else None,
            repair="weighted moments",
            details=fit.details,
        )
