"""What the code costs and what it buys: rate, distortion, active units, the parts of the rate, curves of both."""

from latlas.evaluation.rate._active_units import ACTIVE_UNIT_THRESHOLD as ACTIVE_UNIT_THRESHOLD
from latlas.evaluation.rate._active_units import ActiveUnits as ActiveUnits
from latlas.evaluation.rate._active_units import active_units as active_units
from latlas.evaluation.rate._curve import RateDistortionCurve as RateDistortionCurve
from latlas.evaluation.rate._curve import checked_betas as checked_betas
from latlas.evaluation.rate._curve import gaussian_rate_distortion as gaussian_rate_distortion
from latlas.evaluation.rate._curve import rate_distortion_curve as rate_distortion_curve
from latlas.evaluation.rate._decompose_rate import RateDecomposition as RateDecomposition
from latlas.evaluation.rate._decompose_rate import decompose_rate as decompose_rate
from latlas.evaluation.rate._information import Information as Information
from latlas.evaluation.rate._information import latent_information as latent_information
