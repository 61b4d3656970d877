"""No data and no latent-variable model: a log density on R^3, fitted by the same training loop.

The trained pytree is a Gaussian's location and Cholesky factor; the objective a function of the usual form. The target is
a Gaussian too, so the fit must find it exactly.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist

from latlas.training import Adam, Schedule, Trainer

LOC = jnp.array([1.0, -2.0, 0.5])
COVARIANCE = jnp.array([[1.0, 0.8, 0.0], [0.8, 2.0, -0.5], [0.0, -0.5, 0.7]])


def log_density(z):
    """An unnormalised Gaussian."""
    return -0.5 * (z - LOC) @ jnp.linalg.solve(COVARIANCE, z - LOC)


def family(params):
    """The Gaussian of the parameters."""
    diagonal = jnp.diag(jnp.exp(params["log_diagonal"]))
    return dist.MultivariateNormal(params["loc"], scale_tril=jnp.tril(params["lower"], -1) + diagonal)


def negative_elbo(key, params, batch, *, progress):
    """E_q[log q(z) - log p(z)] with sticking-the-landing gradients."""
    z = jax.vmap(family(params).sample)(jr.split(key, 16))
    q = family(jax.lax.stop_gradient(params))
    loss = jnp.mean(jax.vmap(q.log_prob)(z) - jax.vmap(log_density)(z))
    return loss, {"elbo": -loss}


def main(num_steps: int = 2000):
    params = {"loc": jnp.zeros(3), "log_diagonal": jnp.zeros(3), "lower": jnp.zeros((3, 3))}
    rate = Schedule("cosine_decay_schedule", init_value=0.05, decay_steps=num_steps)
    result = Trainer(negative_elbo, Adam(rate), num_steps=num_steps).fit(jr.key(0), params)
    q = family(result.model)
    loc_error = float(jnp.abs(q.mean - LOC).max())
    covariance_error = float(jnp.abs(q.covariance_matrix - COVARIANCE).max())
    log_normaliser = 0.5 * jnp.linalg.slogdet(2 * jnp.pi * COVARIANCE)[1]
    gap = float(log_normaliser - result.history[-1]["train"]["elbo"])
    print(
        f"off by {loc_error:.4f} in the mean, {covariance_error:.4f} in the covariance, {gap:.4f} nats in the evidence"
    )
    return loc_error, covariance_error, gap


if __name__ == "__main__":
    main()
