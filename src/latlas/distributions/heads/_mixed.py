"""Mixed: a table's columns or several modalities, each under a head of its own."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, PRNGKeyArray, PyTree, Scalar

from latlas.distributions.heads._head import AbstractHead


class Mixed(AbstractHead):
    """A dict of heads for an `x` that is a dict of arrays; entries are independent given the parameters.

    Parameters, `observed` and draws are dicts with the same names. Heads may be `Mixed` again.

    >>> from latlas.distributions import FixedScale, Gaussian, Poisson
    >>> head = Mixed({"age": Gaussian(scale=FixedScale(1.0)), "visits": Poisson()})
    >>> head.param_shape({"age": (), "visits": (2,)})
    {'age': (), 'visits': (2,)}

    Attributes:
        heads: name -> head.
    """

    heads: dict[str, AbstractHead]

    def __check_init__(self) -> None:
        if not self.heads:
            raise ValueError("Mixed got no heads; give it at least one, as in Mixed({'age': Gaussian()}).")

    def param_shape(self, shape: dict[str, PyTree]) -> dict[str, PyTree]:
        """Name -> shape of its parameters."""
        self._check("shapes", shape)
        return {name: head.param_shape(shape[name]) for name, head in self.heads.items()}

    def log_prob(
        self,
        params: dict[str, PyTree],
        x: dict[str, PyTree],
        observed: dict[str, PyTree[Bool[Array, "..."]]] | None = None,
    ) -> Scalar:
        """Sum of the heads' log probabilities, in nats; `observed[name] = None` means all observed."""
        self._check("parameters", params)
        self._check("x", x)
        if observed is None:
            observed = dict.fromkeys(self.heads)
        self._check("observed", observed)
        parts = (head.log_prob(params[name], x[name], observed[name]) for name, head in self.heads.items())
        return sum(parts, jnp.asarray(0.0))

    def sample(self, key: PRNGKeyArray, params: dict[str, PyTree]) -> dict[str, PyTree[Array]]:
        """One draw from each head."""
        self._check("parameters", params)
        # by sorted name: a dict that has been through `jax.tree` comes back sorted, and must draw the same
        keys = dict(zip(sorted(self.heads), jr.split(key, len(self.heads)), strict=True))
        return {name: head.sample(keys[name], params[name]) for name, head in self.heads.items()}

    def mean(self, params: dict[str, PyTree]) -> dict[str, PyTree[Array]]:
        """Name -> mean under its head."""
        self._check("parameters", params)
        return {name: head.mean(params[name]) for name, head in self.heads.items()}

    def _check(self, what: str, given: dict[str, PyTree]) -> None:
        if set(given) != set(self.heads):
            raise ValueError(
                f"Mixed has heads for {sorted(self.heads)}, but got {what} with {sorted(given)}. "
                "Give every name exactly one entry; mark what is missing in `observed`."
            )
