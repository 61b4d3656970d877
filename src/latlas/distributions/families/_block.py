"""Blocks: any covariance within a group of coordinates, independence between groups."""

from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Estimate, RequestError
from latlas.distributions.families._family import AbstractFamily, AbstractTransport
from latlas.distributions.families._full_rank import FullRank
from latlas.distributions.families._gaussian import AbstractGaussian
from latlas.distributions.families._mean_field import MeanField


class BlockGaussian(AbstractTransport):
    """Independent Gaussians, each on coordinates of its own.

    Attributes:
        blocks: one approximation per group.
        groups: the coordinates of each; together every coordinate once.
    """

    blocks: tuple[AbstractGaussian, ...]
    groups: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """n."""
        return sum(map(len, self.groups))

    @property
    def mean(self) -> Float[Array, " n"]:
        """Of all coordinates."""
        return self._gathered([block.mean for block in self.blocks])

    @property
    def covariance(self) -> Float[Array, "n n"]:
        """Dense, with zeros between groups."""
        covariance = jnp.zeros((self.dim, self.dim))
        for block, group in zip(self.blocks, self.groups, strict=True):
            places = jnp.array(group)
            covariance = covariance.at[places[:, None], places].set(block.covariance)
        return covariance

    def transport(self, noise: Float[Array, " n"]) -> Float[Array, " n"]:
        """Each block's transport of its part of the noise."""
        return self._gathered(
            [b.transport(noise[jnp.array(g)]) for b, g in zip(self.blocks, self.groups, strict=True)]
        )

    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""
        return jax.vmap(self.transport)(jax.random.normal(key, (num_draws, self.dim)))

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density in nats: the sum over blocks."""
        parts = (b.log_prob(w[jnp.array(g)]) for b, g in zip(self.blocks, self.groups, strict=True))
        return sum(parts, jnp.asarray(0.0))

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """Exact: the sum over blocks."""
        return Estimate(sum(block.entropy(key).value for block in self.blocks), 0.0)

    def _gathered(self, parts):
        order = [place for group in self.groups for place in group]
        inverse = sorted(range(len(order)), key=order.__getitem__)
        return jnp.concatenate(parts)[jnp.array(inverse)]


class Block(AbstractFamily):
    """Full rank within each group of coordinates; what no group names is independent of all else.

    Attributes:
        groups: coordinates that belong together, such as `((0, 3), (1, 2, 4))`.
    """

    name: ClassVar[str] = "block"
    is_axis_aligned: ClassVar[bool] = True
    groups: tuple[tuple[int, ...], ...] = eqx.field(static=True, default=())

    @classmethod
    def named(
        cls, coordinates: Mapping[str, tuple[int, ...]], groups: tuple[tuple[str, ...], ...]
    ) -> "Block":
        """Groups of parameters by name.

        Args:
            coordinates: parameter name -> its places in the vector, as `coordinates_of(target)` gives them.
            groups: names that belong together, such as `(("beta", "sigma"), ("theta",))`.

        Raises:
            RequestError: for a name that has no coordinates.
        """
        unknown = [name for names in groups for name in names if name not in coordinates]
        if unknown:
            raise RequestError(
                f"No parameter is called {unknown[0]!r}; the parameters are {', '.join(coordinates)}. Name one of these."
            )
        return cls(tuple(tuple(place for name in names for place in coordinates[name]) for names in groups))

    def init(self, key: PRNGKeyArray, dim: int) -> BlockGaussian:
        """The standard normal."""
        if not self.groups:
            raise RequestError(
                "A block family needs its groups and has none; give Block(groups) or Block.named(coordinates_of(target), "
                "names)."
            )
        named = [place for group in self.groups for place in group]
        if len(set(named)) < len(named) or not set(named) <= set(range(dim)) or not all(self.groups):
            raise RequestError(
                f"The groups {self.groups} do not fit {dim} coordinates; name each of 0 to {dim - 1} at most once, "
                "and no empty group."
            )
        rest = tuple(sorted(set(range(dim)) - set(named)))
        blocks = tuple(FullRank().init(key, len(group)) for group in self.groups)
        if not rest:
            return BlockGaussian(blocks, self.groups)
        return BlockGaussian((*blocks, MeanField().init(key, len(rest))), (*self.groups, rest))
