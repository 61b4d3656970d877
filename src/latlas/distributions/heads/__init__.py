"""Heads: from a decoder's numbers to a valid distribution over one observation, scored where it was observed."""

from latlas.distributions.heads._bernoulli import Bernoulli as Bernoulli
from latlas.distributions.heads._categorical import Categorical as Categorical
from latlas.distributions.heads._continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from latlas.distributions.heads._degrees import AbstractDegrees as AbstractDegrees
from latlas.distributions.heads._degrees import FixedDegrees as FixedDegrees
from latlas.distributions.heads._degrees import LearnedDegrees as LearnedDegrees
from latlas.distributions.heads._discretised_logistic import DiscretisedLogistic as DiscretisedLogistic
from latlas.distributions.heads._head import AbstractHead as AbstractHead
from latlas.distributions.heads._head import Likelihood as Likelihood
from latlas.distributions.heads._head import masked_sum as masked_sum
from latlas.distributions.heads._in_data_units import InDataUnits as InDataUnits
from latlas.distributions.heads._location_scale import Gaussian as Gaussian
from latlas.distributions.heads._location_scale import Laplace as Laplace
from latlas.distributions.heads._location_scale import StudentT as StudentT
from latlas.distributions.heads._mixed import Mixed as Mixed
from latlas.distributions.heads._poisson import Poisson as Poisson
from latlas.distributions.heads._scale import AbstractScale as AbstractScale
from latlas.distributions.heads._scale import FixedScale as FixedScale
from latlas.distributions.heads._scale import LearnedScale as LearnedScale
from latlas.distributions.heads._scale import PredictedScale as PredictedScale
