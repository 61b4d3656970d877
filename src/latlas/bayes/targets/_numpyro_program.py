"""A NumPyro model with its data as functions of one unconstrained vector."""

import importlib.util
from collections import OrderedDict
from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import lazy_loader
import numpy as np
from jax.extend.core import Literal
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar
from numpyro import handlers
from numpyro.distributions.transforms import biject_to
from numpyro.infer import init_to_sample
from numpyro.infer.util import potential_energy

from latlas.bayes.targets._arguments import Arguments
from latlas.bayes.targets._numpyro_sites import Anatomy, OnRows, WholeUnobserved, all_rows, call_of
from latlas.core import RequestError

enumeration = lazy_loader.load("numpyro.contrib.funsor", suppress_warning=True)

PlateRows = Mapping[str, Int[Array | np.ndarray, " _"]]  # name of each plate that subsamples -> row numbers


class Program(eqx.Module):
    """A model that has been dissected.

    Attributes:
        model: as the user wrote it.
        anatomy: its sites.
        deterministic: those of its deterministic sites that `constrain` returns.
        arguments: its data.
        params: values of its `numpyro.param` sites, which stay as they are.
        judged: names of the sites that a verdict is about.
    """

    model: Callable = eqx.field(static=True)
    anatomy: Anatomy = eqx.field(static=True)
    deterministic: tuple[str, ...] = eqx.field(static=True)
    arguments: Arguments
    params: dict[str, Array]
    judged: tuple[str, ...] = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """Unconstrained numbers."""
        return sum(_size(site.free_shape) for site in self.anatomy.latent)

    def log_density(self, u: Float[Array, " n"], rows: PlateRows) -> Scalar:
        """log p(theta(u), data) + log |d theta / d u|, discrete sites summed out, on these rows of its plates."""
        return self._run(u, rows, jax.random.key(0), sum_out=bool(self.anatomy.discrete))[0]

    def constrain(self, u: Float[Array, " n"], rows: PlateRows) -> OrderedDict[str, Array]:
        """Latent sites in the model's order, then deterministic ones."""
        record = self._run(u, rows, jax.random.key(0), sum_out=False)[1]
        # ordered: jax sorts the keys of a plain dict
        names = [site.name for site in self.anatomy.latent] + list(self.deterministic)
        return OrderedDict((name, jnp.asarray(record[name]["value"])) for name in names)

    def site_log_densities(self, u: Float[Array, " n"], rows: PlateRows) -> dict[str, Scalar]:
        """The log density of each site at `u`; discrete latent ones at a draw from the prior."""
        record = self._run(u, rows, jax.random.key(0), sum_out=False)[1]
        sites = {name: site for name, site in record.items() if site["type"] == "sample"}
        return {
            name: jnp.sum(
                (1.0 if site["scale"] is None else site["scale"]) * site["fn"].log_prob(site["value"])
            )
            for name, site in sites.items()
        }

    def drawn_from_prior(self, key: PRNGKeyArray, rows: PlateRows) -> Float[Array, " n"]:
        """Unconstrained values of one draw of the latent sites.

        A site whose prior cannot be drawn from, as an improper one, is uniform on (-2, 2) in unconstrained coordinates.
        """
        args, kwargs = call_of(self.model, self.arguments.data)
        model = handlers.substitute(WholeUnobserved(self.model), data=self.params)
        # the key lies inside, where what starts a site finds it
        model = handlers.substitute(handlers.seed(OnRows(model, rows), key), substitute_fn=init_to_sample)
        record = handlers.trace(model).get_trace(*args, **kwargs)
        sites = (record[site.name] for site in self.anatomy.latent)
        return jnp.concatenate(
            [jnp.ravel(biject_to(site["fn"].support).inv(site["value"])) for site in sites]
        )

    @property
    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Latent site -> shape of its unconstrained entries."""
        return {site.name: site.free_shape for site in self.anatomy.latent}

    def all_rows(self) -> dict[str, Int[np.ndarray, " n"]]:
        """Every row of each plate that subsamples."""
        return all_rows(self.anatomy.subsampled)

    def _run(self, u, rows, key, *, sum_out):
        args, kwargs = call_of(self.model, self.arguments.data)
        model = handlers.substitute(WholeUnobserved(self.model), data=self.params)
        model = handlers.seed(OnRows(model, rows), key)
        if sum_out:
            model = enumeration.enum(enumeration.config_enumerate(model), -self.anatomy.nesting - 1)
        with handlers.trace() as record:
            energy = jnp.asarray(potential_energy(model, args, kwargs, self._unravel(u), enum=sum_out))
        return -energy, record

    def _unravel(self, u):
        u, values, start = jnp.asarray(u), {}, 0
        for site in self.anatomy.latent:
            stop = start + _size(site.free_shape)
            values[site.name] = u[start:stop].reshape(site.free_shape)
            start = stop
        return values

    def depends_on_discrete(self, u: Float[Array | np.ndarray, " n"]) -> set[str]:
        """Deterministic sites that a summed-out site decides about; these have no value at a given u."""

        def drawn(key: PRNGKeyArray):
            record = self._run(u, self.all_rows(), key, sum_out=False)[1]
            return [jnp.asarray(record[name]["value"]) for name in self.anatomy.deterministic]

        jaxpr = jax.make_jaxpr(drawn)(jax.random.key(0)).jaxpr
        tainted = set(jaxpr.invars)
        for equation in jaxpr.eqns:
            if any(v in tainted for v in equation.invars if not isinstance(v, Literal)):
                tainted.update(equation.outvars)
        flags = [not isinstance(v, Literal) and v in tainted for v in jaxpr.outvars]
        return {name for name, flag in zip(self.anatomy.deterministic, flags, strict=True) if flag}


def require_funsor(discrete: tuple[str, ...]) -> None:
    """Refuses models with discrete latent sites where funsor is missing.

    Raises:
        RequestError: naming the sites and the extra to install.
    """
    if importlib.util.find_spec("funsor") is None:
        raise RequestError(
            f"The model has discrete latent sites ({', '.join(discrete)}); to sum them out needs funsor: "
            "pip install latlas[bayes]."
        )


def _size(shape):
    return int(np.prod(shape, dtype=int))
