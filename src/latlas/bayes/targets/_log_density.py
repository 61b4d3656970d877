"""Targets from plain functions, and the choice between those and NumPyro models that `bayes.fit` leaves to us."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree
from numpyro import handlers
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform, biject_to
from numpyro.primitives import Messenger

from latlas.bayes.targets._arguments import Arguments, own_floats
from latlas.bayes.targets._indices import refuse_indices_beyond
from latlas.bayes.targets._numpyro import from_numpyro
from latlas.bayes.targets._numpyro_sites import CONTROL_FLOW
from latlas.bayes.targets._surroundings import with_own_surroundings
from latlas.bayes.targets._target import AbstractTarget, DensityTarget
from latlas.core import DataError, LatlasError, Layout, RequestError, in_float64


@in_float64
def from_log_density(
    function: Callable,
    init: PyTree,
    *,
    bijections: Mapping[str, Constraint | Transform] | None = None,
    data: PyTree = None,
) -> DensityTarget:
    """A target from a function that returns a log density.

    Args:
        function: `log_density(params)`, or `log_density(params, data)` where data are given; returns a scalar in nats, up
            to a constant. It is compiled, so Python must not decide on the values of `params` or of arrays in `data`.
        init: a pytree of floats of the shapes of the *unconstrained* parameters, and where to begin.
        bijections: for a dict of parameters, name -> the NumPyro constraint that its values obey, or a transform from the
            unconstrained. `init` keeps the unconstrained shape: a simplex of three entries has two in `init`.
            The log determinants are added; `function` sees the constrained values and has the density of those.
        data: passed on, real numbers in float64, lists as arrays; other data of the same shapes reuse what was compiled.

    Raises:
        RequestError: for parameters that are integers or not finite, a bijection without its parameter, a function that
            does not return one real number, or that lets Python decide on traced values.
        DataError: for data that are no numbers, or that index what is not there.
    """
    function = with_own_surroundings(function)
    params = _parameters(init)
    transforms = {name: _transform(name, what, params) for name, what in (bijections or {}).items()}
    arguments = None if data is None else Arguments.of(data)
    start = jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(params)])
    target = DensityTarget(function, Layout.of(params), transforms, arguments, start)
    _refuse_what_is_no_density(target)
    return target


def as_target(
    key: PRNGKeyArray,
    model: Callable | AbstractTarget,
    data_or_init: PyTree = None,
    *,
    bijections: Mapping[str, Constraint | Transform] | None = None,
) -> AbstractTarget:
    """The target that a user means: a NumPyro model with its data, a log density with its first parameters, or a target.

    A function is a NumPyro model if running it meets a NumPyro primitive.

    Args:
        key: see `from_numpyro`.
        model: the function, or a target, which is returned as it is.
        data_or_init: the model's data (dict or tuple), or the unconstrained parameters of the log density.
        bijections: see `from_log_density`; only for a log density.

    Raises:
        RequestError: for what is neither, and what `from_numpyro` and `from_log_density` raise.
    """
    if isinstance(model, AbstractTarget):
        if data_or_init is not None:
            raise RequestError("A target holds its data already; leave the second argument away.")
        return model
    if not callable(model):
        raise RequestError(
            f"The model is a {type(model).__name__}; give a NumPyro model or a function that returns a log density."
        )
    if _is_numpyro(model, data_or_init):
        if bijections:
            raise RequestError(
                "Bijections are for log densities; the sites of a NumPyro model bring their own."
            )
        return from_numpyro(key, model, data_or_init)
    if data_or_init is None:
        raise RequestError(
            "A log density needs parameters to begin with, such as `jnp.zeros(d)`; the function is no NumPyro model, for it "
            "has no numpyro.sample."
        )
    return from_log_density(model, data_or_init, bijections=bijections)


@in_float64
def _is_numpyro(function, given):
    """Whether a run of it meets a NumPyro primitive; what fails before one is a model where it is called as one."""
    Arguments.of(given)  # refuses what is no data under the name that it has there, and not as an argument
    as_model: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    if given is None or isinstance(given, tuple):
        as_model = [(tuple(given or ()), {})]
    elif isinstance(given, dict):
        as_model = [((), given)]
    as_model = [call for call in as_model if _binds(function, *call)]
    as_density = [call for call in [((given,), {})] if _binds(function, *call)]
    if not as_model and not as_density:
        # nothing can be run; a function of several arguments is a model whose data are incomplete
        return len(inspect.signature(function).parameters) != 1
    met = [_meets_primitives(function, *call) for call in as_model + as_density]
    return True in met or (False not in met and bool(as_model))


def _binds(function, args, kwargs):
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _meets_primitives(function, args, kwargs):
    """Whether it does; None where it fails before, on traced arrays and on those whose values it can look at."""
    watch = _Watch()

    def run(arguments, key):
        args, kwargs = arguments.data
        with watch, handlers.seed(rng_seed=key):
            own(*args, **kwargs)

    own = with_own_surroundings(function)
    for frozen in (False, True):
        try:
            jax.eval_shape(run, Arguments.of((args, kwargs), frozen=frozen), jax.random.key(0))
        except DataError:
            raise
        except Exception:  # the target that is built next says it in a sentence
            if watch.met:
                return True
        else:
            return watch.met
    return None


class _Met(Exception):
    """Ends the run: the first primitive tells."""


class _Watch(Messenger):
    """Notices the first primitive, which may be one that cannot be sampled."""

    met = False

    def process_message(self, msg):
        self.met = True
        raise _Met


def _parameters(init):
    leaves = jax.tree_util.tree_flatten_with_path(init)[0]
    if sum(np.size(leaf) for _, leaf in leaves) == 0:
        raise RequestError(
            "There are no parameters; give a pytree of floats to begin with, such as `jnp.zeros(d)`."
        )
    for path, leaf in leaves:
        place = f"params{jax.tree_util.keystr(path)}"
        try:
            array = np.asarray(leaf)
        except (TypeError, ValueError) as error:
            raise RequestError(f"{place} is a {type(leaf).__name__} and no array of floats.") from error
        if array.dtype.kind in "biu":
            raise RequestError(
                f"{place} holds {array.dtype} values; parameters must be floats to be fitted, such as `jnp.zeros(d)`. "
                "Integers that are no parameters belong to the data; unknown integers have to be summed out."
            )
        if array.dtype.kind != "f" and array.dtype != jnp.bfloat16:
            raise RequestError(f"{place} holds {array.dtype} values; parameters must be real floats.")
        if not np.isfinite(array.astype(float)).all():
            raise RequestError(f"{place} is not finite; give finite parameters to begin with.")
    return jax.tree.map(own_floats, init)


def _transform(name, what, params):
    if not isinstance(params, dict) or name not in params:
        names = (
            ", ".join(map(str, params))
            if isinstance(params, dict)
            else f"none, being a {type(params).__name__}"
        )
        raise RequestError(f"There is a bijection for {name!r}, but the parameters have the names: {names}.")
    if not isinstance(params[name], jax.Array):
        raise RequestError(
            f"The bijection for {name!r} needs an array there, not a {type(params[name]).__name__}."
        )
    if isinstance(what, Transform):
        transform = what
    elif isinstance(what, Constraint):
        try:
            transform = biject_to(what)
        except NotImplementedError as error:
            raise RequestError(
                f"NumPyro has no bijection from R^n to {what} for {name!r}; give a transform instead."
            ) from error
    else:
        raise RequestError(
            f"The bijection for {name!r} is a {type(what).__name__}; give one of numpyro.distributions.constraints or "
            "numpyro.distributions.transforms."
        )
    try:
        jax.eval_shape(lambda free: transform.log_abs_det_jacobian(free, transform(free)), params[name])
    except Exception as error:
        raise RequestError(
            f"The bijection for {name!r} does not take unconstrained values of shape {params[name].shape}: "
            f"{_first_line(error)}"
        ) from error
    return transform


def _refuse_what_is_no_density(target):
    arguments = Arguments.of(None) if target.data is None else target.data

    def run(arguments, target):
        params = target.constrain(target.start)
        return target.function(params) if target.data is None else target.function(params, arguments.data)

    try:
        value = jax.eval_shape(run, arguments, target)
        if isinstance(value, jax.ShapeDtypeStruct):
            refuse_indices_beyond(jax.make_jaxpr(run)(arguments, target), arguments)
    except LatlasError:
        raise
    except CONTROL_FLOW as error:
        raise RequestError(
            "The log density lets Python decide on a value that is known only when the compiled program runs (`if`, "
            f"`while`, `float()`, NumPy instead of jax.numpy). Use `jnp.where` or `jax.lax.cond`. JAX says: "
            f"{_first_line(error)}"
        ) from error
    except Exception as error:
        raise RequestError(
            f"The log density raised {type(error).__name__} at the parameters given: {_first_line(error)}"
        ) from error
    if getattr(value, "shape", None) != ():
        returned = (
            f"shape {value.shape}" if isinstance(value, jax.ShapeDtypeStruct) else f"a {type(value).__name__}"
        )
        raise RequestError(
            f"The log density returns {returned}; it must return one number, such as `jnp.sum(...)` of it."
        )
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise RequestError(f"The log density returns {value.dtype}; it must be a real float.")


def _first_line(error):
    return (str(error).strip() or type(error).__name__).split("\n")[0]
