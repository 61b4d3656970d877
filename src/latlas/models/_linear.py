"""Linear models as compositions of the same parts: what PCA and probabilistic PCA are the exact answers to."""

import jax.random as jr
from jaxtyping import PRNGKeyArray

from latlas.distributions import FixedScale, Gaussian, LearnedScale
from latlas.models._autoencoder import Autoencoder
from latlas.models._prior import StandardNormal
from latlas.models._recognition import GaussianRecognition
from latlas.models._vae import VAE
from latlas.networks import MLP, small_output_init


def linear_autoencoder(key: PRNGKeyArray, features: int, latent_dim: int) -> Autoencoder:
    """An autoencoder of two affine maps; trained by the squared error it spans the subspace of PCA.

    The subspace, not the components: any invertible mixing of the codes reconstructs as well (Baldi and Hornik 1989,
    Neural Networks 2).

    Args:
        key: draws the weights.
        features: numbers per example.
        latent_dim: numbers per code.
    """
    encoder_key, decoder_key = jr.split(key)
    encoder, decoder = (
        MLP(features, latent_dim, (), key=encoder_key),
        MLP(latent_dim, features, (), key=decoder_key),
    )
    return Autoencoder(encoder, decoder, Gaussian(FixedScale(1.0)))


def linear_vae(key: PRNGKeyArray, features: int, latent_dim: int) -> VAE:
    """A VAE of affine maps with one learned noise scale; its optimum is that of `PPCA` (Lucas et al. 2019).

    Its diagonal posterior costs nothing there, since the decoder may turn its columns orthogonal (arXiv:1911.02469).

    Args:
        key: draws the weights.
        features: numbers per example.
        latent_dim: number of latent dimensions.
    """
    encoder_key, decoder_key = jr.split(key)
    # without it the log-scales, linear in data that are not centred, start anywhere and the fit takes far longer
    encoder = small_output_init(MLP(features, 2 * latent_dim, (), key=encoder_key))
    decoder = MLP(latent_dim, features, (), key=decoder_key)
    return VAE(StandardNormal(latent_dim), GaussianRecognition(encoder), decoder, Gaussian(LearnedScale()))
