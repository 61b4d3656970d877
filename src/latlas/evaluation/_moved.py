"""Names that the guides showed as `latlas.evaluation.NAME` and that moved to its rooms or below."""

from latlas import sampling
from latlas.core import moved_names
from latlas.evaluation import cure, diagnosis, rate

PLACES = {
    "AbstractRemedy": cure,
    "HMC": sampling,
    "QUICK_CHECKS": diagnosis,
    "gaussian_rate_distortion": rate,
}

__getattr__ = moved_names("latlas.evaluation", PLACES, until="0.2")
