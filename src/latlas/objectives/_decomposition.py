"""The three parts of the rate, each an objective: beta-TCVAE and its kin are a bound and one of these."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, Scalar

from latlas.core import Example
from latlas.objectives._objective import AbstractObjective, Terms
from latlas.objectives._rate_parts import AbstractAggregate, MinibatchStratified, rate_parts


def _as_aggregate(value: int | AbstractAggregate) -> AbstractAggregate:
    return value if isinstance(value, AbstractAggregate) else MinibatchStratified(value)


class TotalCorrelation(AbstractObjective):
    r"""KL(q(z) || prod_j q(z_j)): how far the dimensions of the aggregate posterior depend on each other, in nats.

    `Total((Elbo(), TotalCorrelation(num_data)), (1.0, beta - 1.0))` is beta-TCVAE (Chen et al. 2018, arXiv:1802.04942,
    eq. 4 with alpha = gamma = 1).

    Attributes:
        aggregate: how q(z) is estimated from a batch; a number stands for `MinibatchStratified(num_data)`.
    """

    aggregate: AbstractAggregate = eqx.field(converter=_as_aggregate)

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `total_correlation`, both in nats."""
        value = rate_parts(key, model, batch, self.aggregate).total_correlation
        return value, {"total_correlation": value}


class IndexCodeInformation(AbstractObjective):
    r"""E KL(q(z|x) || q(z)): the mutual information between the example and its code, in nats.

    At most log N. With a negative weight it is kept up: `Total((Elbo(), IndexCodeInformation(num_data)), (1.0, -1.0))`
    does not charge for it (Hoffman and Johnson 2016).

    Attributes:
        aggregate: how q(z) is estimated from a batch; a number stands for `MinibatchStratified(num_data)`.
    """

    aggregate: AbstractAggregate = eqx.field(converter=_as_aggregate)

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `index_code_information`, both in nats."""
        value = rate_parts(key, model, batch, self.aggregate).index_code_information
        return value, {"index_code_information": value}


class DimensionwiseKL(AbstractObjective):
    r"""sum_j KL(q(z_j) || p(z_j)): how far each dimension of the aggregate posterior is from the prior, in nats.

    Attributes:
        aggregate: how q(z) is estimated from a batch; a number stands for `MinibatchStratified(num_data)`.
    """

    aggregate: AbstractAggregate = eqx.field(converter=_as_aggregate)

    def __call__(
        self, key: PRNGKeyArray, model: Any, batch: Example, *, progress: float | Scalar = 1.0
    ) -> tuple[Scalar, Terms]:
        """The loss, and the term `dimensionwise_kl`, both in nats."""
        value = jnp.sum(rate_parts(key, model, batch, self.aggregate).dimensionwise_kl)
        return value, {"dimensionwise_kl": value}
