"""From plain settings to a VAE: the only place where an `Atlas` meets networks and heads."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.core import (
    Example,
    RequestError,
    checked_fields,
    checked_name,
    list_of,
    mapping_of,
    one_of,
    plain,
    text,
    whole_number,
)
from latlas.data import AbstractUnits
from latlas.estimators._resolve import LIKELIHOODS, NETWORKS, PRECISIONS
from latlas.models import VAE, GaussianRecognition, StandardNormal
from latlas.networks import (
    MLP,
    CentredLevels,
    ConvDecoder,
    ConvEncoder,
    Reshaped,
    small_output_init,
)


@dataclass(frozen=True)
class ModelSpec:
    """All that fixes a model but its arrays; plain values, kept as JSON.

    Attributes:
        likelihood: a name of `LIKELIHOODS`.
        settings: of the head, as sorted pairs.
        item_shape: shape of one observation.
        latent_dim: number of latent dimensions.
        network: "mlp" or "conv".
        hidden: widths of the hidden layers, or channels of the convolutions, encoder first to last; the decoder mirrors.
        activation: its name.
        precision: of the products of an MLP.
    """

    likelihood: str
    settings: tuple[tuple[str, Any], ...]
    item_shape: tuple[int, ...]
    latent_dim: int
    network: Literal["mlp", "conv"] = "mlp"
    hidden: tuple[int, ...] = (200, 200)
    activation: str = "tanh"
    precision: Literal["float32", "bfloat16"] = "float32"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        lists = {"item_shape": list(self.item_shape), "hidden": list(self.hidden)}
        return {**asdict(self), **lists, "settings": dict(self.settings)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelSpec":
        """The inverse of `to_dict`.

        Raises:
            ValueError: if a field is of another kind.
        """
        values = checked_fields(values, _FIELDS)
        lists = {name: tuple(values[name]) for name in ("item_shape", "hidden")}
        return cls(**{**values, **lists, "settings": tuple(sorted(values["settings"].items()))})


# what stands in a file, before anything is built from it
_FIELDS = {
    "likelihood": one_of(*LIKELIHOODS),
    "settings": mapping_of(plain),
    "item_shape": list_of(whole_number(1), fewest=1),
    "latent_dim": whole_number(1),
    "network": one_of(*NETWORKS),
    "hidden": list_of(whole_number(1)),
    "activation": text,
    "precision": one_of(*PRECISIONS),
}


def build_model(key: PRNGKeyArray, spec: ModelSpec) -> VAE:
    """A new model: N(0, I) x amortised diagonal Gaussian x decoder x head; the decoder starts nearly constant.

    Args:
        key: draws the weights.
        spec: what to build.

    Raises:
        RequestError: if a name is not known, or the parts do not go together.
    """
    entry = LIKELIHOODS[checked_name("likelihood", spec.likelihood, LIKELIHOODS)]
    settings = dict(spec.settings)
    head = entry.head(settings, spec.item_shape)
    build = {"mlp": _mlps, "conv": _convs}[checked_name("network", spec.network, NETWORKS)]
    checked_name("precision", spec.precision, PRECISIONS)
    inputs = entry.inputs(settings)
    if spec.network == "conv" and spec.likelihood == "categorical":
        inputs = CentredLevels(settings["num_levels"])  # one plane and not one per category
    encoder, decoder = build(key, spec, inputs, head.param_shape(spec.item_shape))
    return VAE(
        StandardNormal(spec.latent_dim),
        GaussianRecognition(encoder, inputs),
        small_output_init(decoder),
        head,
    )


def with_units(model: VAE, units: AbstractUnits) -> VAE:
    """The model with the scales of its data, where it standardises them."""
    arrays = units.arrays()
    if "scale" not in arrays:
        return model
    log_scale = np.log(arrays["scale"]).astype(np.float32)
    return eqx.tree_at(lambda m: m.head.log_scale, model, log_scale)


def _item(spec: ModelSpec) -> Example:
    return jax.eval_shape(lambda: Example(jnp.zeros(spec.item_shape, jnp.float32)))


def _mlps(key, spec, inputs, param_shape):
    encoder_key, decoder_key = jr.split(key)
    seen = jax.eval_shape(inputs, _item(spec)).shape
    options = {"activation": spec.activation, "precision": spec.precision}
    encoder = MLP(seen, 2 * spec.latent_dim, spec.hidden, key=encoder_key, **options)
    return encoder, MLP(spec.latent_dim, param_shape, spec.hidden[::-1], key=decoder_key, **options)


def _convs(key, spec, inputs, param_shape):
    if spec.precision != "float32":
        raise RequestError('network="conv" runs in float32 only: give precision="float32", or network="mlp".')
    if len(spec.item_shape) > 3:
        raise RequestError(
            f'network="conv" takes items of one to three axes, and these have the shape {spec.item_shape}: '
            'choose network="mlp".'
        )
    encoder_key, decoder_key = jr.split(key)
    spatial, channels = spec.item_shape[:2], spec.item_shape[2:]
    planes = (*spatial, int(np.prod(channels + param_shape[len(spec.item_shape) :], dtype=int)))
    dims = {"spatial_dims": len(spatial), "activation": spec.activation}
    encoder = ConvEncoder(spec.item_shape, 2 * spec.latent_dim, spec.hidden, key=encoder_key, **dims)
    decoder = ConvDecoder(spec.latent_dim, planes, spec.hidden[::-1], key=decoder_key, **dims)
    return encoder, Reshaped(decoder, tuple(param_shape))
