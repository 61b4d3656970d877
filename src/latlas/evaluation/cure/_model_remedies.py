"""Remedies that change the model: its scales, its prior, its posterior, where its decoder starts."""

from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from jaxtyping import Array

from latlas.core import Example, Stream, num_examples
from latlas.distributions import FixedScale, LearnedScale
from latlas.evaluation.cure._remedy import AbstractRemedy, FitSetup, nodes, replaced
from latlas.models import AbstractPrior, AbstractRecognition, SoftenedPrior, WidenedRecognition
from latlas.networks import AbstractNetwork, small_output_init

COLLAPSE = ("posterior_collapse", "collapsed_dimensions", "collapsed_layer", "decoder_ignores_latent")
# rows that the data's spread is taken from
_ROWS = 1000


class LearnLikelihoodScale(AbstractRemedy):
    """A fixed scale of the likelihood becomes a learned one that starts at the standard deviation of the data.

    The scale sets the price of an error against a nat of KL, exactly as beta does (Lucas et al. 2019, arXiv:1911.02469;
    Rybkin et al. 2021, arXiv:2006.13202): too small a scale gives blown-up rates, too large a one collapse.
    """

    name: ClassVar[str] = "learned_likelihood_scale"
    sentence: ClassVar[str] = "The likelihood's scale is learned, from the data's standard deviation on."
    findings: ClassVar[tuple[str, ...]] = (
        "wrong_likelihood_scale",
        "vanishing_posterior_variance",
        "kl_underfitting",
        "aggregate_posterior_mismatch",
        *COLLAPSE,
    )
    keeps_structure: ClassVar[bool] = False

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with every `FixedScale` of the model as a `LearnedScale`."""
        init = max(_standard_deviation(setup), 2e-3)
        model = replaced(setup.model, FixedScale, lambda scale: LearnedScale(init=init))
        return None if model is None else replace(setup, model=model)


class SoftenPrior(AbstractRemedy):
    """A prior that is a point becomes a normal around it.

    Attributes:
        width: its standard deviation.
    """

    width: float = 1.0

    name: ClassVar[str] = "softened_prior"
    sentence: ClassVar[str] = (
        "The prior, a point, is softened to a normal around it, of the width that the remedy states."
    )
    findings: ClassVar[tuple[str, ...]] = ("support_mismatch",)
    keeps_structure: ClassVar[bool] = False

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with every prior of the model that is a `Delta` softened."""
        condition = first_example(setup).condition

        def change(prior: AbstractPrior) -> AbstractPrior | None:
            point = isinstance(prior(condition), dist.Delta)
            return SoftenedPrior(prior, self.width) if point else None

        model = replaced(setup.model, AbstractPrior, change)
        return None if model is None else replace(setup, model=model)


class WidenPosterior(AbstractRemedy):
    """A deterministic posterior is given a width: a floor under it, and a network that learns it.

    Attributes:
        width: the standard deviation at the start.
        floor: the smallest one.
    """

    width: float = 0.3
    floor: float = 1e-3

    name: ClassVar[str] = "widened_posterior"
    sentence: ClassVar[str] = "The posterior's width is learned anew, with a floor under it."
    findings: ClassVar[tuple[str, ...]] = ("vanishing_posterior_variance",)
    keeps_structure: ClassVar[bool] = False

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with every recognition of a vector widened that is not so already."""
        example = first_example(setup)

        def change(recognition: AbstractRecognition) -> AbstractRecognition | None:
            if isinstance(recognition, WidenedRecognition):
                return None
            mean = jax.eval_shape(lambda: recognition(example).mean)
            if not isinstance(mean, jax.ShapeDtypeStruct) or mean.ndim != 1:
                return None
            key = jr.fold_in(setup.key, Stream.WIDENED_RECOGNITION)
            return WidenedRecognition(recognition, mean.shape[0], key=key, width=self.width, floor=self.floor)

        model = replaced(setup.model, AbstractRecognition, change)
        return None if model is None else replace(setup, model=model)


class SmallDecoderInit(AbstractRemedy):
    """The decoder starts nearly constant in z, so that z is not punished as noise before it means anything.

    Attributes:
        scale: of the weights of the last layers.
    """

    scale: float = 1e-2

    name: ClassVar[str] = "small_decoder_init"
    sentence: ClassVar[str] = (
        "The decoder starts nearly constant in the latent (small weights in its last layer)."
    )
    findings: ClassVar[tuple[str, ...]] = (*COLLAPSE, "unstable_gradients")
    keeps_structure: ClassVar[bool] = True

    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The set-up with every network outside the recognition scaled, where it is not small already."""

        def change(node: Any) -> Any | None:
            if isinstance(node, AbstractRecognition) or _is_small(node):
                return None
            return small_output_init(node, self.scale)

        model = replaced(setup.model, AbstractRecognition | AbstractNetwork, change)
        return None if model is None else replace(setup, model=model)


def first_example(setup: FitSetup) -> Example:
    """The first row, as the model sees it."""
    return jax.tree.map(lambda leaf: leaf[0], prepared(setup, 1))


def prepared(setup: FitSetup, rows: int) -> Example:
    """The first rows, as the model sees them."""
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf[:rows]), setup.data)
    prepare = setup.trainer.prepare
    return batch if prepare is None else prepare(jr.fold_in(setup.key, Stream.FIRST_ROWS), batch)


def recognitions(model: Any) -> tuple[AbstractRecognition, ...]:
    """The recognitions of a model: its encoder's side."""
    return tuple(nodes(model, AbstractRecognition))


def _standard_deviation(setup: FitSetup) -> float:
    x = prepared(setup, min(_ROWS, num_examples(setup.data))).x
    spreads = [jnp.sqrt(jnp.mean(jnp.var(leaf.astype(jnp.float32), axis=0))) for leaf in jax.tree.leaves(x)]
    return float(sum(spreads) / len(spreads))


def _is_small(network: AbstractNetwork) -> bool:
    """Whether the output weights are far below what an output of unit variance needs."""
    weights: list[Array] = [layer.weight for layer in network.output_layers()]
    return all(float(jnp.sqrt(jnp.mean(w**2) * w.shape[0])) < 0.1 for w in weights if eqx.is_array(w))
