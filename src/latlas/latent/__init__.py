"""The map, and the walks on it: codes, prototypes, samples, reconstructions, paths.

Everything takes a model and a whole batch and gives NumPy arrays; programs are compiled once and bounded in
memory. Nothing here is random but what takes a key.
"""

from latlas.latent.map import decode as decode
from latlas.latent.map import encode as encode
from latlas.latent.map import linear_interpolation as linear_interpolation
from latlas.latent.map import posterior_scale as posterior_scale
from latlas.latent.map import prototype as prototype
from latlas.latent.map import reconstruct as reconstruct
from latlas.latent.map import sample_prior as sample_prior
from latlas.latent.map import spherical_interpolation as spherical_interpolation
from latlas.latent.map import traverse as traverse
