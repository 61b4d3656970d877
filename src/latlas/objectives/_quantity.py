"""What a constraint may be put on: the mean over examples of something measured on each."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Example


class AbstractQuantity(eqx.Module):
    """A number of a model on data: a function of the mean over examples of what is measured on each one.

    The mean is taken before the function, so that a root mean square is one over all examples and not a mean of roots.
    """

    @abc.abstractmethod
    def per_example(self, key: PRNGKeyArray, model: Any, example: Example) -> Float[Array, "..."]:
        """What is measured on one example."""

    @abc.abstractmethod
    def of_mean(self, mean: Float[Array, "..."]) -> Scalar:
        """The quantity, from the mean over examples of what was measured."""


class MeanOf(AbstractQuantity):
    """The mean over examples of any function.

    Attributes:
        fn: `(key, model, example) -> scalar`, differentiable in the model.
    """

    fn: Callable[[PRNGKeyArray, Any, Example], Scalar]

    def per_example(self, key: PRNGKeyArray, model: Any, example: Example) -> Float[Array, ""]:
        """The function's value."""
        return self.fn(key, model, example)

    def of_mean(self, mean: Float[Array, ""]) -> Scalar:
        """The mean itself."""
        return mean


class ReconstructionError(AbstractQuantity):
    r"""How far the reconstruction is from x, in the data's own unit: $\sqrt{E[(x - E[x|z])^2]}$ over observed entries.

    z is drawn from q(z|x): the error of what the decoder makes of the code with its noise, which is the distortion that the
    rate pays for. Missing entries are not counted.

    Attributes:
        root: the root mean square error, in the unit of x; `False` for the mean square, in its square.
        unit: what one of the user's units is in the numbers of x: for x divided by 255, `unit=1/255` gives grey levels;
            for standardised columns one number each, of the shape of x.
        at_mean: decode the posterior's mean instead of a draw, as `latent.reconstruct` does.
        part: which entry of x, where x is a dict.
    """

    root: bool = eqx.field(static=True, default=True)
    unit: float | Float[Array, "..."] = 1.0
    at_mean: bool = eqx.field(static=True, default=False)
    part: str | None = eqx.field(static=True, default=None)

    def per_example(self, key: PRNGKeyArray, model: Any, example: Example) -> Float[Array, " 2"]:
        """The sum of squared errors of the observed entries, and their number.

        Raises:
            ValueError: if the likelihood's mean has not the shape of x, or x is a dict and no part was named.
        """
        q = model.posterior(example)
        z = q.mean if self.at_mean else q.sample(key)
        mean, x, observed = model.likelihood(z, example.condition).mean, example.x, example.observed
        if self.part is not None:
            mean, x = mean[self.part], x[self.part]
            observed = None if observed is None else observed[self.part]
        if not eqx.is_array(x) or jnp.shape(mean) != x.shape:
            raise ValueError(
                f"A reconstruction error compares the likelihood's mean with x entry by entry; got a mean of {_shape(mean)} "
                f"and an x of {_shape(x)}. For an x that is a dict give part=NAME of a numeric entry; for categories "
                "constrain the term 'log_likelihood'."
            )
        x = x.astype(mean.dtype)
        # selected before it is subtracted: a placeholder, nan included, never reaches the error
        error = (mean - (x if observed is None else jnp.where(observed, x, mean))) / self.unit
        count = x.size if observed is None else jnp.sum(observed)
        return jnp.stack([jnp.sum(error**2), jnp.asarray(count, error.dtype)])

    def of_mean(self, mean: Float[Array, " 2"]) -> Scalar:
        """The error per observed entry."""
        square = mean[0] / jnp.maximum(mean[1], 1e-30)
        # the root has no finite slope at zero
        return jnp.sqrt(jnp.maximum(square, 1e-30)) if self.root else square


def _shape(value: Any) -> str:
    return f"shape {jnp.shape(value)}" if eqx.is_array(value) else f"type {type(value).__name__}"
