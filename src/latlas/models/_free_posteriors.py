"""One posterior per datum, of its own: no network ties them together."""

from typing import Any

import equinox as eqx
import jax

from latlas.core import Example
from latlas.distributions.families import AbstractPosterior, AbstractPosteriorFamily, member_near
from latlas.models._latent_model import AbstractLatentModel
from latlas.models._recognition import AbstractRecognition


class FreePosteriors(AbstractRecognition):
    """q_i(z), kept for row i of a data set and found by `example.index`.

    What `evaluation.refine` makes, and what variational EM trains. An index past the rows gives nan, and nobody
    else's posterior.

    Attributes:
        posteriors: of all rows as one pytree, each leaf with a leading axis over them.
    """

    posteriors: AbstractPosterior

    def __call__(self, example: Example) -> Any:
        """The posterior of the example's row."""
        if example.index is None:
            raise ValueError(
                "Free posteriors are kept by row number, and this example has no index. Give the batch its rows, "
                "Example(x, index=jnp.arange(len(x))), and let `prepare` keep them; refined posteriors come with "
                "their batch, `refined.batch`."
            )
        index = example.index
        return jax.tree.map(lambda leaf: leaf.at[index].get(mode="fill"), self.posteriors).distribution


def free_posteriors(
    model: AbstractLatentModel, batch: Example, family: AbstractPosteriorFamily
) -> FreePosteriors:
    """A free posterior for every example of a batch, each at the model's own posterior of it.

    The start of wholly non-amortised training (variational EM): train `WithRecognition(model, free)` on data with
    `index`, so that each datum moves its own parameters.

    Args:
        model: any latent-variable model; its posterior must have a mean and a variance.
        batch: examples with a leading axis; those that are trained on, in their order.
        family: what the posteriors are to be.

    Raises:
        ValueError: if the latent is not made of real numbers.
    """
    return FreePosteriors(_start(model, batch, family))


@eqx.filter_jit
def _start(model, batch, family):
    return jax.vmap(lambda example: member_near(family, model.posterior(example)))(batch)
