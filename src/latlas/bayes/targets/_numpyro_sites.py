"""What a NumPyro model consists of, read from one abstract execution; what cannot be fitted is refused here."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Int, PyTree
from numpyro import handlers
from numpyro.distributions.transforms import biject_to
from numpyro.infer import init_to_uniform
from numpyro.primitives import Messenger

from latlas.bayes.targets._arguments import Arguments
from latlas.bayes.targets._indices import refuse_indices_beyond
from latlas.core import LatlasError, RequestError

T = TypeVar("T")
Record = dict[str, dict]  # NumPyro's trace: name -> site
Plates = tuple[tuple[str, int, int], ...]  # those that subsample: name, size, rows of a batch
CONTROL_FLOW = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


@dataclass(frozen=True)
class Site:
    """A latent site: its name, and the shapes of its values and of its unconstrained values."""

    name: str
    shape: tuple[int, ...]
    free_shape: tuple[int, ...]


@dataclass(frozen=True)
class Anatomy:
    """The sites of a model.

    Attributes:
        latent: continuous and unobserved, in the model's order.
        discrete: unobserved with finitely many values, which are summed out.
        observed: names.
        params: names of `numpyro.param` sites.
        deterministic: names.
        subsampled: (name, size, rows of a batch) of the plates that subsample.
        is_local: whether a plate that subsamples has unobserved sites, one for each of its rows.
        nesting: how many plates lie within one another at most.
    """

    latent: tuple[Site, ...]
    discrete: tuple[str, ...]
    observed: tuple[str, ...]
    params: tuple[str, ...]
    deterministic: tuple[str, ...]
    subsampled: Plates
    is_local: bool
    nesting: int

    @property
    def sampled(self) -> tuple[str, ...]:
        """Names of the latent sites, and of those that a reparametrisation made deterministic: `theta` of `theta_base`."""
        latent = [site.name for site in self.latent]
        told = [name for name in latent if not name.endswith("_unobserved")]
        return (*latent, *(d for d in self.deterministic if any(name.startswith(f"{d}_") for name in told)))


def call_of(model: Callable, data: PyTree) -> tuple[tuple, dict[str, Any]]:
    """Positional and keyword arguments from a tuple or a dict; None: no arguments.

    Raises:
        RequestError: if the model does not take them: what was given, and what it takes.
    """
    if data is None:
        data = {}
    if not isinstance(data, dict | tuple):
        raise RequestError(
            f"The data of a NumPyro model are a dict of its keyword arguments or a tuple of its positional ones; got "
            f"a {type(data).__name__}. {_takes(model)}"
        )
    args, kwargs = ((), data) if isinstance(data, dict) else (data, {})
    try:
        inspect.signature(model).bind(*args, **kwargs)
    except TypeError as error:
        given = (
            ", ".join(map(str, kwargs)) if kwargs else f"{len(args)} positional values" if args else "nothing"
        )
        raise RequestError(
            f"{_takes(model)} The data have {given}{_mismatch(model, kwargs, error)}."
        ) from error
    except ValueError:
        pass  # no signature to be had: the call itself will tell
    return args, kwargs


def read_trace(model: Callable, data: PyTree, read: Callable[[Record, Plates], T]) -> tuple[Arguments, T]:
    """Runs a model without computing any number, on all rows of its plates, and reads the trace.

    Where the model decides on the values of its data while it is traced, they become constants of the program.

    Raises:
        RequestError: for Python control flow on values of sites, an error of the model's own, a support without bijection.
        DataError: for data that are no numbers, or that index what the model does not have.
    """
    arguments = Arguments.of(data)
    try:
        return arguments, _read(model, arguments, read)
    except ControlFlowError as error:
        arguments = Arguments.of(data, frozen=True)
        try:
            return arguments, _read(model, arguments, read)
        except ControlFlowError:
            raise error from None


def _read(model, arguments, read):
    found = []

    def run(arguments, key):
        record = _execute(model, arguments.data, key)
        plates = subsampled_plates(record)
        if plates:
            record = _on_all_rows(model, arguments.data, key, plates)
        found.append(read(record, plates))

    program = jax.make_jaxpr(run)(arguments, jax.eval_shape(lambda: jax.random.key(0)))
    refuse_indices_beyond(program, arguments)
    return found[0]


def _on_all_rows(model, data, key, plates):
    try:
        return _execute(OnRows(model, all_rows(plates)), data, key)
    except ControlFlowError:
        raise
    except RequestError as error:
        raise RequestError(
            "The model does not run on all rows of its plates (take rows by the plate's index: `with numpyro.plate(...) as "
            f"i: y[i]`). {error}"
        ) from error


def _execute(model, data, key):
    args, kwargs = call_of(model, data)
    recorder = handlers.trace()
    try:
        with recorder as record, handlers.substitute(substitute_fn=_start), handlers.seed(rng_seed=key):
            WholeUnobserved(model)(*args, **kwargs)
    except LatlasError:
        raise
    except CONTROL_FLOW as error:
        raise ControlFlowError(
            f"{_place(recorder.trace)} the model lets Python decide on a value that is known only when the compiled program "
            "runs (`if`, `while`, `int()`, a boolean index or a NumPy function). Use `jnp.where`, `jax.lax.cond` or "
            f"`numpyro.handlers.mask` instead. JAX says: {_first_line(error)}"
        ) from error
    except Exception as error:
        raise RequestError(
            f"{_place(recorder.trace)} the model raised "
            + ": ".join(part for part in (type(error).__name__, _first_line(error)) if part)
        ) from error
    return record


class ControlFlowError(RequestError):
    """Python control flow on traced values."""


def _start(site):
    if site["type"] != "sample" or site["is_observed"]:
        return None
    try:
        if site["fn"].support.is_discrete:
            return None
        biject_to(site["fn"].support)
    except (NotImplementedError, AttributeError) as error:
        raise RequestError(
            f"Site {site['name']!r} has the support {site['fn'].support}, for which NumPyro has no bijection from R^n; "
            "give its distribution another support, or build the values from real ones with numpyro.deterministic "
            "(on a sphere: ProjectedNormal with ProjectedNormalReparam)."
        ) from error
    return init_to_uniform(site)


def anatomy_of(record: Record, plates: Plates) -> Anatomy:
    """The sites of a trace.

    Raises:
        RequestError: for latent values that cannot be listed, or no latent site at all.
    """
    samples = [site for site in record.values() if site["type"] == "sample"]
    hidden = [site for site in samples if not site["is_observed"]]
    latent = [site for site in hidden if not site["fn"].support.is_discrete]
    for site in hidden:
        if site["fn"].support.is_discrete:
            _refuse_unlistable(site)
    if not latent:
        raise RequestError(
            "The model has no continuous latent site, so there is nothing to fit: "
            f"{', '.join(repr(site['name']) for site in samples) or 'no numpyro.sample at all'}. "
            "Leave `obs` away where a value is unknown."
        )
    return Anatomy(
        latent=tuple(_site(site) for site in latent),
        discrete=tuple(site["name"] for site in hidden if site["fn"].support.is_discrete),
        observed=tuple(s["name"] for s in samples if s["is_observed"] and not isinstance(s["fn"], dist.Unit)),
        params=tuple(site["name"] for site in record.values() if site["type"] == "param"),
        deterministic=tuple(site["name"] for site in record.values() if site["type"] == "deterministic"),
        subsampled=plates,
        is_local=bool(
            {frame.name for site in hidden for frame in site["cond_indep_stack"]} & {p[0] for p in plates}
        ),
        nesting=max((-frame.dim for site in samples for frame in site["cond_indep_stack"]), default=0),
    )


class WholeUnobserved(Messenger):
    """Gives the unobserved part of a site that `obs_mask` splits a density at every entry.

    NumPyro masks it where there is an observation, so that these entries have no density at all and the posterior is
    improper there. With their distribution they integrate to one: nothing else changes, and they are replicates.
    """

    def process_message(self, msg):
        if msg["type"] == "sample" and not msg["is_observed"] and msg["name"].endswith("_unobserved"):
            while isinstance(msg["fn"], dist.MaskedDistribution):
                msg["fn"] = msg["fn"].base_dist


class OnRows(handlers.substitute):
    """Chooses the rows of the plates that subsample; as many as are given, with the scale that follows."""

    def __init__(self, fn, rows):
        super().__init__(fn, data={name: jnp.asarray(index) for name, index in rows.items()})

    def process_message(self, msg):
        super().process_message(msg)
        if msg["type"] == "plate" and msg["name"] in self.data:
            rows = len(self.data[msg["name"]])  # pyright: ignore[reportOptionalSubscript]  # NumPyro: or a function in place
            msg["args"] = (msg["args"][0], rows)


def all_rows(plates: Plates) -> dict[str, Int[np.ndarray, " n"]]:
    """Every row of each of these plates."""
    return {name: np.arange(size) for name, size, _ in plates}


def subsampled_plates(record: Record) -> Plates:
    """(name, size, rows of a batch) of the plates that subsample."""
    plates = [site for site in record.values() if site["type"] == "plate"]
    return tuple((p["name"], *p["args"]) for p in plates if p["args"][1] not in (None, p["args"][0]))


def _site(site):
    shape = tuple(site["value"].shape)
    return Site(site["name"], shape, tuple(biject_to(site["fn"].support).inverse_shape(shape)))


def _refuse_unlistable(site):
    name, kind = site["name"], type(site["fn"]).__name__
    if not site["fn"].has_enumerate_support:
        raise RequestError(
            f"Site {name!r} is a latent {kind}, whose values are infinitely many or cannot be listed, so that they cannot "
            "be summed out. If it is observed, give its data; else cut it off to a Categorical over 0..K, or sum it out by "
            "hand and add the result with numpyro.factor."
        )
    if site["infer"].get("enumerate", "parallel") != "parallel":
        raise RequestError(f"Site {name!r} asks for sequential enumeration; NumPyro has only 'parallel'.")
    frames = {frame.dim for frame in site["cond_indep_stack"]}
    loose = [
        size
        for dim, size in zip(range(-1, -9, -1), site["fn"].batch_shape[::-1], strict=False)
        if size > 1 and dim not in frames
    ]
    if loose and "_scan_current_index" not in site["infer"]:
        raise RequestError(
            f"Site {name!r} is discrete with a batch of {loose[0]} values outside any plate, which would be summed out "
            "together; sample it inside `with numpyro.plate(...)`."
        )


def _takes(model):
    name = getattr(model, "__name__", "The model")
    try:
        parameters = inspect.signature(model).parameters.values()
    except ValueError:
        return f"{name} was called."
    words = [f"{p.name}{'' if p.default is p.empty else ' (may be left out)'}" for p in parameters]
    return f"{name} takes {', '.join(words) or 'no arguments'}."


def _mismatch(model, kwargs, error):
    parameters = inspect.signature(model).parameters
    required = [
        p.name for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    missing = [name for name in required if name not in kwargs]
    unknown = [name for name in kwargs if name not in parameters]
    if not kwargs or not (missing or unknown):
        return f": {error}"
    words = [f"{', '.join(missing)} missing"] * bool(missing) + [f"{', '.join(unknown)} not known"] * bool(
        unknown
    )
    return ": " + ", ".join(words)


def _place(record):
    sites = [name for name, site in record.items() if site["type"] != "plate"]
    return f"After site {sites[-1]!r}" if sites else "Before its first site"


def _first_line(error):
    return str(error).strip().split("\n")[0]
