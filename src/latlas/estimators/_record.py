"""What a fit leaves: JSON and arrays, from which the model is built again; nothing that could be executed."""

import math
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import equinox as eqx
import jax.random as jr
import numpy as np

from latlas.core import (
    CorruptFileError,
    RequestError,
    RunDirectory,
    checked_fields,
    list_of,
    mapping,
    mapping_of,
    named_arrays,
    optional,
    text,
    whole_number,
    with_named_arrays,
)
from latlas.data import AbstractUnits, units_from
from latlas.estimators._build import ModelSpec, build_model
from latlas.evaluation.cure import kept_run
from latlas.models import VAE

_UNITS = "units:"
# the name of the constraint that `max_error` puts on a fit
RECONSTRUCTION_ERROR = "reconstruction_error"


# what stands in config.json, before anything is built from it
_FIELDS = {
    "parameters": mapping,
    "model": mapping,
    "units": mapping,
    "data": mapping,
    "seed": whole_number(0, 2**63),
    "likelihood_reason": text,
    "feature_names": optional(list_of(text)),
    "versions": mapping_of(text),
}
_DATA_FIELDS = {
    "data.shape": list_of(whole_number(0), fewest=1),
    "data.dtype": text,
    "data.fingerprint": text,
    "data.label": optional(text),
    "data.index": optional(text),
}


@dataclass(frozen=True)
class FitRecord:
    """A fitted model in storable form.

    Attributes:
        spec: how the model is built.
        units: between the data's units and the model's.
        arrays: of the model, by name.
        seed: that everything random of the fit followed from.
        reason: why the likelihood was chosen.
        data: shape, type and fingerprint of the data.
        history: one dict per report.
        treatments: what a cured fit did, as dicts; `None` for a fit without a cure.
    """

    spec: ModelSpec
    units: AbstractUnits
    arrays: dict[str, np.ndarray]
    seed: int
    reason: str
    data: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)
    treatments: list[dict[str, Any]] | None = None

    def model(self) -> VAE:
        """The model, built from the specification and filled with the arrays.

        Raises:
            CorruptFileError: if the specification describes no model, or another one.
        """
        try:
            shapes = eqx.filter_eval_shape(build_model, jr.key(0), self.spec)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise CorruptFileError(
                f"The saved settings describe no model that latlas builds ({error}): fit again."
            ) from error
        return with_named_arrays(shapes, self.arrays, source="The saved model")

    def all_arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the model and those of the units, for model.safetensors."""
        return self.arrays | {_UNITS + name: array for name, array in self.units.arrays().items()}

    def summary(self) -> dict[str, Any]:
        """What was fitted to what; the ELBOs are those of the report of least validation loss, else of the last."""
        reports = [r for r in self.history if "valid" in r]
        best = max(reports, key=lambda report: -report["valid"]["loss"], default=None)
        last = self.history[-1] if self.history else {}
        kept = best or last
        cure = {} if self.treatments is None else {"treatments": self.treatments}
        error = last.get("train", {}).get(f"constraint_{RECONSTRUCTION_ERROR}")
        constrained = {} if error is None else {RECONSTRUCTION_ERROR: error}
        return {
            "likelihood": self.spec.likelihood,
            "likelihood_reason": self.reason,
            "data": self.data,
            "latent_dim": self.spec.latent_dim,
            "num_parameters": int(sum(array.size for array in self.arrays.values())),
            "elbo": {part: kept[part]["elbo"] if part in kept else None for part in ("train", "valid")},
            "seconds": last.get("seconds"),
            **cure,
            **constrained,
        }


def config_of(
    parameters: dict[str, Any],
    spec: ModelSpec,
    units: AbstractUnits,
    seed: int,
    reason: str,
    data: dict[str, Any],
    feature_names: list[str] | None,
) -> dict[str, Any]:
    """What config.json says of a fit."""
    return {
        "estimator": "Atlas",
        "parameters": parameters,
        "seed": seed,
        "model": spec.to_dict(),
        "units": units.to_dict(),
        "likelihood_reason": reason,
        "data": data,
        "feature_names": feature_names,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of what a fit depends on."""
    names = ("latlas", "jax", "equinox", "numpyro", "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {name: _version(name) for name in names}


def read_config(run: RunDirectory) -> dict[str, Any]:
    """What was asked of an Atlas, each field of its kind, and those that depend on one another in agreement.

    Raises:
        RequestError: if the run is not an Atlas's.
        CorruptFileError: naming the field that is wrong.
    """
    config = run.config
    if config.get("estimator") != "Atlas":
        bayes = "is a Bayesian fit: `latlas report` writes its page, `latlas.bayes.load` opens it in Python"
        other = "was written by another program: load it with that"
        raise RequestError(
            f"The run {run.path} is not one of an Atlas; it {bayes if config.get('kind') == 'bayes' else other}. A run of "
            "`latlas fit` is expected here."
        )
    try:
        _check(config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_atlas(run, error) from error
    return config


def _check(config: dict[str, Any]) -> None:
    checked_fields(config, _FIELDS)
    data = {"label": None, "index": None} | config[
        "data"
    ]  # the two are there where the file had such a column
    checked_fields({f"data.{name}": value for name, value in data.items()}, _DATA_FIELDS)
    np.dtype(data["dtype"])
    spec, names = ModelSpec.from_dict(config["model"]), config["feature_names"]
    if tuple(data["shape"][1:]) != spec.item_shape:
        raise ValueError(
            f"data.shape is {data['shape']}, where rows of the shape {list(spec.item_shape)} in model.item_shape were "
            "expected"
        )
    if names is not None and len(set(names)) != math.prod(spec.item_shape):
        raise ValueError(
            f"feature_names holds {len(names)} names, {len(set(names))} of them different, where "
            f"{math.prod(spec.item_shape)} were expected"
        )


def _no_atlas(run: RunDirectory, error: Exception) -> CorruptFileError:
    return CorruptFileError(
        f"{run.path}/config.json does not describe an Atlas ({error}): restore it from a copy, or fit again."
    )


def read_record(run: RunDirectory) -> FitRecord:
    """The fitted model of a run directory.

    Raises:
        RequestError: if the run is not an Atlas's, or has no model yet.
        CorruptFileError: if a file is damaged.
    """
    config = read_config(run)
    arrays, stored = run.load_model(), run.read_treatments()
    units_arrays = {name.removeprefix(_UNITS): a for name, a in arrays.items() if name.startswith(_UNITS)}
    model_arrays = {name: a for name, a in arrays.items() if not name.startswith(_UNITS)}
    try:
        units = units_from(config["units"], units_arrays)
        treatments = None if stored is None else list(stored["treatments"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_atlas(run, error) from error
    return FitRecord(
        spec=ModelSpec.from_dict(config["model"]),
        units=units,
        arrays=model_arrays,
        seed=config["seed"],
        reason=config["likelihood_reason"],
        data=config["data"],
        history=kept_run(run).read_metrics(),
        treatments=treatments,
    )


def arrays_of(model: VAE) -> dict[str, np.ndarray]:
    """The model's arrays, by name, as copies of their own."""
    return {name: np.array(array) for name, array in named_arrays(model).items()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
