"""The map, and the walks on it: codes, prototypes, samples, reconstructions, paths.

Everything takes a model and a whole batch and gives NumPy arrays; programs are compiled once and bounded in
memory. Nothing here is random but what takes a key.
"""

from latlas.latent._encode import encode as encode
from latlas.latent._encode import posterior_scale as posterior_scale
from latlas.latent._encode import reconstruct as reconstruct
from latlas.latent._generate import decode as decode
from latlas.latent._generate import prototype as prototype
from latlas.latent._generate import sample_prior as sample_prior
from latlas.latent._generate import traverse as traverse
from latlas.latent._paths import linear_interpolation as linear_interpolation
from latlas.latent._paths import spherical_interpolation as spherical_interpolation
