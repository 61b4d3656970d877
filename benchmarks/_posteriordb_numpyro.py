"""NumPyro as a contender: `NUTS`, and stochastic variational inference with its automatic guides.

The density comes in as a factor on a flat site. All guides take 10,000 steps of Adam at 0.01 from a start that is
uniform on (-2, 2), NumPyro's own; NUTS takes 500 steps to adapt and 500 to draw, four times. Run with
`JAX_ENABLE_X64=1`.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS, SVI, Trace_ELBO, autoguide

from benchmarks._posteriordb_density import Density

NUM_STEPS, STEP_SIZE, NUM_PARTICLES = 10_000, 0.01, 10


def prepare(
    target: Density, method: str
) -> Callable[[int], tuple[Callable[[int], np.ndarray], dict[str, Any]]]:
    """A function from a seed to draws and facts. `method` is `NUTS` or the name of a guide."""

    def model() -> None:
        flat = dist.ImproperUniform(dist.constraints.real_vector, (), (target.dimension,))
        numpyro.factor("density", target.log_density(numpyro.sample("u", flat)))

    return _sampler(model) if method == "NUTS" else _variational(model, getattr(autoguide, method))


def _variational(model: Callable[[], None], guide_class: Any) -> Callable[[int], Any]:
    guide = guide_class(model)
    svi = SVI(model, guide, numpyro.optim.Adam(STEP_SIZE), Trace_ELBO(num_particles=NUM_PARTICLES))

    def fit(seed: int) -> tuple[Callable[[int], np.ndarray], dict[str, Any]]:
        found = svi.run(jax.random.key(seed), NUM_STEPS, progress_bar=False)
        losses = np.asarray(found.losses)
        facts = {"elbo": -float(losses[-500:].mean()), "gradients": NUM_STEPS * NUM_PARTICLES}
        key = jax.random.key(10_000 + seed)
        return lambda num: np.asarray(
            guide.sample_posterior(key, found.params, sample_shape=(num,))["u"]
        ), facts

    return fit


def _sampler(model: Callable[[], None]) -> Callable[[int], Any]:
    chains = MCMC(
        NUTS(model),
        num_warmup=500,
        num_samples=500,
        num_chains=4,
        chain_method="sequential",
        progress_bar=False,
    )

    def fit(seed: int) -> tuple[Callable[[int], np.ndarray], dict[str, Any]]:
        chains.run(jax.random.key(seed), extra_fields=("num_steps", "diverging"))
        extra = chains.get_extra_fields()
        draws = np.asarray(chains.get_samples()["u"])
        facts = {
            # the steps of adapting are not recorded: drawing takes about as many
            "gradients": 2 * int(extra["num_steps"].sum()),
            "divergences": int(extra["diverging"].sum()),
        }
        return lambda num: draws[:num], facts

    return fit
