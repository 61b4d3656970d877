"""The latent-class model: one discrete latent, summed over."""

import equinox as eqx
import jax
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Int, PyTree, Scalar

from latlas.core import Example
from latlas.distributions import AbstractHead, Likelihood
from latlas.models._latent_model import AbstractExactModel


class LatentClassModel(AbstractExactModel):
    r"""z ~ Categorical, x | z ~ head(params of class z): a finite mixture of any head (Lazarsfeld and Henry 1968).

    Evidence and posterior are sums over the classes: $\log p(x) = \log \sum_k \pi_k \, p(x \mid \theta_k)$.

    >>> import jax.numpy as jnp
    >>> from latlas.distributions import Bernoulli
    >>> model = LatentClassModel(jnp.zeros(2), jnp.array([[0.0, 5.0], [0.0, -5.0]]), Bernoulli())
    >>> round(float(model.log_evidence(Example(jnp.array([1, 1])))), 4)  # log 1/4: either class, either pixel
    -1.3863

    Attributes:
        logits: of the classes' probabilities up to a constant, shape `(classes,)`.
        params: the head's parameters of each class: its structure, with a leading axis over the classes.
        head: `params -> p(x | z)`.
    """

    logits: Float[Array, " classes"]
    params: PyTree[Array]
    head: AbstractHead

    def __check_init__(self):
        classes = {leaf.shape[0] for leaf in jax.tree.leaves(self.params) if eqx.is_array(leaf)}
        if classes - {self.logits.shape[0]}:
            raise ValueError(
                f"There are {self.logits.shape[0]} classes and parameters for {sorted(classes)}; "
                "give each class its parameters, along the leading axis."
            )

    def prior(self, condition: PyTree[Array | np.ndarray] | None = None) -> dist.Distribution:
        """Categorical over the classes."""
        return dist.CategoricalLogits(self.logits)

    def posterior(self, example: Example) -> dist.Distribution:
        """p(z | x), exact: Categorical over the classes."""
        return dist.CategoricalLogits(self._log_joints(example))

    def likelihood(
        self, z: Int[Array, ""], condition: PyTree[Array | np.ndarray] | None = None
    ) -> Likelihood:
        """p(x | class z)."""
        return Likelihood(self.head, jax.tree.map(lambda leaf: leaf[z], self.params))

    def log_evidence(self, example: Example) -> Scalar:
        """Log p(x), exact, in nats."""
        return logsumexp(self._log_joints(example))

    def _log_joints(self, example):
        def of_class(params):
            return self.head.log_prob(params, example.x, example.observed)

        return jax.nn.log_softmax(self.logits) + jax.vmap(of_class)(self.params)
