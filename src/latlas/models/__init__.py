"""p(x, z) and q(z | x): latent-variable models composed of prior, recognition, decoder and head."""

from latlas.models._autoencoder import Autoencoder as Autoencoder
from latlas.models._free_posteriors import FreePosteriors as FreePosteriors
from latlas.models._free_posteriors import free_posteriors as free_posteriors
from latlas.models._latent_class import LatentClassModel as LatentClassModel
from latlas.models._latent_model import AbstractExactModel as AbstractExactModel
from latlas.models._latent_model import AbstractLatentModel as AbstractLatentModel
from latlas.models._linear import linear_autoencoder as linear_autoencoder
from latlas.models._linear import linear_vae as linear_vae
from latlas.models._ppca import PPCA as PPCA
from latlas.models._prior import AbstractPrior as AbstractPrior
from latlas.models._prior import StandardNormal as StandardNormal
from latlas.models._recognition import AbstractRecognition as AbstractRecognition
from latlas.models._recognition import ConditionalGaussian as ConditionalGaussian
from latlas.models._recognition import GaussianRecognition as GaussianRecognition
from latlas.models._recognition import gaussian as gaussian
from latlas.models._softened import SoftenedPrior as SoftenedPrior
from latlas.models._softened import WidenedRecognition as WidenedRecognition
from latlas.models._vae import VAE as VAE
from latlas.models._with_recognition import WithRecognition as WithRecognition
