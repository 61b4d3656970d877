"""The map itself: codes, what they decode to, and ways between them."""

from latlas.latent.map._encode import encode as encode
from latlas.latent.map._encode import posterior_scale as posterior_scale
from latlas.latent.map._encode import reconstruct as reconstruct
from latlas.latent.map._generate import decode as decode
from latlas.latent.map._generate import prototype as prototype
from latlas.latent.map._generate import sample_prior as sample_prior
from latlas.latent.map._generate import traverse as traverse
from latlas.latent.map._paths import linear_interpolation as linear_interpolation
from latlas.latent.map._paths import spherical_interpolation as spherical_interpolation
