"""NumPyro models as targets."""

import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, Scalar
from numpyro import handlers

from latlas.bayes.targets._arguments import holes_of
from latlas.bayes.targets._numpyro_program import PlateRows, Program, require_funsor
from latlas.bayes.targets._numpyro_sites import anatomy_of, call_of, read_trace
from latlas.bayes.targets._stochastic import AbstractStochasticTarget
from latlas.bayes.targets._surroundings import with_own_surroundings
from latlas.bayes.targets._target import AbstractTarget, Suspects
from latlas.core import RequestError, check_key, in_float64

# random numbers take long to compile, and such a program runs once
_RUN_ONCE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


class AbstractNumPyroTarget(AbstractTarget):
    """A NumPyro model with its data.

    Attributes:
        program: the model taken apart.
    """

    program: eqx.AbstractVar[Program]

    @property
    def dim(self) -> int:
        """Unconstrained numbers of all latent sites."""
        return self.program.dim

    @property
    def start(self) -> None:
        """None: a model does not say where to begin."""

    @property
    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Latent site -> shape of its unconstrained entries."""
        return self.program.free_shapes

    @property
    def names(self) -> tuple[str, ...]:
        """Latent sites in the model's order."""
        return tuple(site.name for site in self.program.anatomy.latent)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each latent site's values."""
        return {site.name: site.shape for site in self.program.anatomy.latent}

    def log_density(self, u: Float[Array, " n"]) -> Scalar:
        """log p(theta(u), data) + log |d theta / d u| in nats, on all rows; discrete sites are summed out."""
        return self.program.log_density(u, self.program.all_rows())

    def constrain(self, u: Float[Array, " n"]) -> dict[str, Array]:
        """Latent sites in the model's order, then the deterministic ones that no summed-out site decides about."""
        return self.program.constrain(u, self.program.all_rows())

    def suspects(self, u: Float[Array | np.ndarray, " n"]) -> Suspects:
        """Holes in the data, and sites with a log density that is not finite."""
        return _suspects(self.program, u)

    def prior_draws(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "b n"] | None:
        """Of all latent sites; one with an improper prior is uniform on (-2, 2) in unconstrained coordinates.

        None where a distribution cannot be drawn from, which a fit does not need.
        """
        try:
            return _prior_draws(self.program, jax.random.split(key, num_draws))
        except Exception:
            return None


class NumPyroTarget(AbstractNumPyroTarget):
    """A NumPyro model that takes all its data at every evaluation, also where it subsamples; `from_numpyro` makes it.

    Attributes:
        program: the model taken apart.
    """

    program: Program


class SubsampledTarget(AbstractNumPyroTarget, AbstractStochasticTarget):
    """A NumPyro model with plates that subsample; `from_numpyro` makes it.

    A batch holds the row numbers of each such plate, drawn without replacement.

    Attributes:
        program: the model taken apart.
    """

    program: Program

    @property
    def is_exact(self) -> bool:
        """Always: NumPyro models hold all their data in memory."""
        return True

    def draw_batch(self, generator: np.random.Generator) -> dict[str, Int[np.ndarray, " _"]]:
        """Row numbers for each plate."""
        plates = self.program.anatomy.subsampled
        return {
            name: generator.choice(size, rows, replace=False, shuffle=False) for name, size, rows in plates
        }

    def sweep(self) -> None:
        """There is none: rows of several plates have no common order, and `log_density` takes them all."""

    def log_density_on(self, u: Float[Array, " n"], batch: PlateRows) -> Scalar:
        """The model's log density on those rows, each plate scaled by NumPyro to its full size."""
        return self.program.log_density(u, batch)


@in_float64
def from_numpyro(key: PRNGKeyArray, model: Callable, data: PyTree) -> NumPyroTarget | SubsampledTarget:
    """A NumPyro model with its data as a target.

    Constrained sites are mapped to R^n by NumPyro's bijections, also where a support depends on other sites. Discrete latent
    sites are summed out, in parallel; that needs funsor. `numpyro.param` sites keep their initial values: give a
    parameter a prior to have it fitted. Data are computed with in float64. They may change without compiling again as long
    as their shapes stay; a model that looks at the values of its data while it is traced (`np.unique(group)`) has them
    compiled in instead.

    Args:
        key: for the initial values of `numpyro.param` sites.
        model: any function with NumPyro's primitives, whatever handlers it is wrapped in.
        data: a dict of its keyword arguments or a tuple of its positional ones.

    Returns:
        A `SubsampledTarget` if one of its plates has a `subsample_size`; else a `NumPyroTarget`, as for a model with latent
        sites in such a plate, which takes all rows at every evaluation.

    Raises:
        RequestError: for data that the model does not take, and for models that cannot be fitted: Python control flow on
            values of sites, a discrete site whose values cannot be listed, a support without bijection, no latent site.
        DataError: for data that are no numbers.
    """
    check_key(key)
    call_of(model, data)
    try:
        hash(model)
    except TypeError as error:
        raise RequestError(
            f"The model is a {type(model).__name__} that cannot be hashed; wrap it in a function."
        ) from error
    model = with_own_surroundings(model)
    arguments, anatomy = read_trace(model, data, anatomy_of)
    params = _params(key, model, arguments, anatomy)
    program = Program(model, anatomy, anatomy.deterministic, arguments, params, anatomy.sampled)
    start = np.zeros(program.dim)
    if anatomy.discrete:
        require_funsor(anatomy.discrete)
        hidden = program.depends_on_discrete(start)
        kept = tuple(name for name in anatomy.deterministic if name not in hidden)
        program = Program(model, anatomy, kept, arguments, params, anatomy.sampled)
    # what each row has of its own would mean another row at every batch
    in_batches = anatomy.subsampled and not anatomy.is_local
    target = SubsampledTarget(program) if in_batches else NumPyroTarget(program)
    _refuse_what_does_not_run(target, start)
    return target


@functools.partial(jax.jit, compiler_options=_RUN_ONCE)
def _prior_draws(program, keys):
    return jax.vmap(lambda key: program.drawn_from_prior(key, program.all_rows()))(keys)


def _suspects(program, u):
    # compiled: with concrete numbers NumPyro raises at the first invalid parameter
    densities = jax.jit(lambda program, u: program.site_log_densities(u, program.all_rows()))(program, u)
    sites = tuple(
        f"site {name!r} has log density {float(value)}"
        for name, value in densities.items()
        if not np.isfinite(float(value))
    )
    return Suspects(holes_of(program.arguments), sites)


def _params(key, model, arguments, anatomy):
    if not anatomy.params:
        return {}
    args, kwargs = call_of(model, arguments.data)
    record = handlers.trace(handlers.seed(model, key)).get_trace(*args, **kwargs)
    return {name: jax.numpy.asarray(record[name]["value"]) for name in anatomy.params}


def _refuse_what_does_not_run(target, start):
    try:
        value = jax.eval_shape(lambda target, u: target.log_density(u), target, start)
        jax.eval_shape(lambda target, u: target.constrain(u), target, start)
    except Exception as error:
        what = "The log density cannot be computed"
        if target.program.anatomy.discrete:
            what = f"NumPyro cannot sum out {', '.join(target.program.anatomy.discrete)}"
        if target.program.anatomy.subsampled:
            what += " on all rows of its plates (take rows by the plate's index: `with numpyro.plate(...) as i: y[i]`)"
        raise RequestError(f"{what}: {str(error).strip().splitlines()[0]}") from error
    if value.shape:
        raise RequestError(f"The model's log density has shape {value.shape}; it must be one number.")
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise RequestError(
            f"The model's log density is of type {value.dtype}; it must be a real number. Observe the real and the "
            "imaginary part of complex data as two sites."
        )
