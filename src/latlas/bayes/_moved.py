"""Names that the guides showed as `latlas.bayes.NAME` and that moved to its rooms or below."""

from latlas.bayes import conjugate, densities, engines, fitting, targets, verdict
from latlas.core import moved_names
from latlas.distributions import families

PLACES = {
    **dict.fromkeys("AnchoredBatches Density".split(), densities),
    **dict.fromkeys("DeterministicAdvi Inclusive NaturalGradient Nuts Renyi linearised_fit".split(), engines),
    **dict.fromkeys("Affine Block Flow FullRank LowRank MeanField Mixture Structured".split(), families),
    **dict.fromkeys("GaussianMixture LatentDirichletAllocation LinearRegression".split(), conjugate),
    **dict.fromkeys("FixedBatches coordinate_names coordinates_of dependence_of_model".split(), targets),
    "NormalGammaRegression": conjugate,
    "judge": verdict,
    "starting_point": fitting,
}

__getattr__ = moved_names("latlas.bayes", PLACES, until="0.2")
