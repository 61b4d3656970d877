"""A table with real, count and categorical columns, and holes: one head a column, one mask, one ELBO.

Wine: twelve real columns, magnesium as a count, the grower as a category; a fifth of all cells is hidden and filled in.
"""

import jax.random as jr
import numpy as np
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from latlas.core import Example, LinearWarmUp
from latlas.distributions import Categorical, Gaussian, LearnedScale, Mixed, Poisson
from latlas.latent import decode, encode
from latlas.models import VAE, GaussianRecognition, StandardNormal
from latlas.networks import MLP, Parallel, values_and_mask
from latlas.objectives import Elbo
from latlas.training import Adam, Trainer


def main(num_steps: int = 3000):
    wine = load_wine()
    real = StandardScaler().fit_transform(np.delete(wine.data, 4, axis=1)).astype(np.float32)
    table = {
        "real": real,
        "magnesium": wine.data[:, 4].astype(np.int32),
        "grower": wine.target.astype(np.int32),
    }
    rng = np.random.default_rng(0)
    observed = {name: rng.random(column.shape) > 0.2 for name, column in table.items()}
    shown = {  # what is hidden is nan or nonsense: no density and no network ever sees it
        "real": np.where(observed["real"], real, np.nan).astype(np.float32),
        "magnesium": np.where(observed["magnesium"], table["magnesium"], -999),
        "grower": np.where(observed["grower"], table["grower"], 77),
    }
    head = Mixed({"real": Gaussian(LearnedScale((12,))), "magnesium": Poisson(), "grower": Categorical(3)})
    shapes = head.param_shape({"real": (12,), "magnesium": (), "grower": ()})
    *keys, encoder_key, fit_key = jr.split(jr.key(0), 5)
    networks = {
        name: MLP(4, shape, (32,), key=key) for (name, shape), key in zip(shapes.items(), keys, strict=True)
    }
    recognition = GaussianRecognition(MLP(28, 8, (64,), key=encoder_key), inputs=values_and_mask)
    model = VAE(StandardNormal(4), recognition, Parallel(networks), head)
    data = Example(shown, observed=observed)
    objective = Elbo(LinearWarmUp(0.3))
    model = Trainer(objective, Adam(1e-3), num_steps=num_steps, batch_size=64).fit(fit_key, model, data).model
    filled = decode(model, encode(model, data))

    holes, hidden = ~observed["real"], ~observed["grower"]
    accuracy = float(np.mean(np.asarray(filled["grower"]).argmax(1)[hidden] == table["grower"][hidden]))
    error = float(np.sqrt(np.mean((np.asarray(filled["real"])[holes] - real[holes]) ** 2)))
    baseline = float(np.sqrt(np.mean((np.nanmean(shown["real"], 0) - real)[holes] ** 2)))
    print(
        f"hidden growers named rightly: {accuracy:.0%}; hidden cells: rms error {error:.2f}, by the mean {baseline:.2f}"
    )
    return accuracy, error, baseline


if __name__ == "__main__":
    main()
