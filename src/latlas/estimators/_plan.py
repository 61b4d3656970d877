"""One fit, planned and done: from checked rows to a record of JSON and arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Shaped

from latlas.core import Constant, DataError, Example, LinearWarmUp, RunDirectory
from latlas.data import AbstractUnits, Choice, choose_likelihood, fingerprint, summarise
from latlas.estimators._build import ModelSpec, build_model, with_units
from latlas.estimators._options import epochs_of, hidden_of, jsonable, seed_of
from latlas.estimators._record import RECONSTRUCTION_ERROR, FitRecord, arrays_of, config_of
from latlas.estimators._resolve import LIKELIHOODS, Entry
from latlas.evaluation import fit_with_cure
from latlas.evaluation.cure import REMEDIES
from latlas.models import VAE
from latlas.networks import AbstractNetwork, with_output_bias
from latlas.objectives import Constraint, Elbo, ReconstructionError, constrained_fit
from latlas.training import Adam, Reports, Trainer, progress

# with fewer rows to validate on, their mean says little and early stopping would follow the noise
_FEWEST_VALIDATION_ROWS = 5
# what a run directory holds is built from its configuration, so the arrays must stay those of the model that was asked for
_REMEDIES = tuple(remedy for remedy in REMEDIES if remedy.keeps_structure)


@dataclass(frozen=True)
class Plan:
    """All that a fit needs, decided before it begins; a pure function of it is what comes out.

    Attributes:
        options: of the estimator.
        x: the rows as the model sees them.
        spec: how the model is built.
        units: between the data's units and the model's.
        seed: everything random follows from it.
        reason: why the likelihood was chosen.
        data: shape, type and fingerprint of the data.
        feature_names: of the columns, or `None`.
    """

    options: dict[str, Any]
    x: Shaped[np.ndarray, "examples ..."]
    spec: ModelSpec
    units: AbstractUnits
    seed: int
    reason: str
    data: dict[str, Any]
    feature_names: list[str] | None

    @classmethod
    def of(cls, options: dict[str, Any], x: np.ndarray, feature_names: list[str] | None) -> "Plan":
        """Looks at the data and decides all that was left open."""
        summary = summarise(x)
        if summary.constant == x[0].size:
            raise DataError(
                "Every row of the data is the same, so there is nothing to learn: check that the right array was given."
            )
        choice = _choice(options["likelihood"], x)
        entry = LIKELIHOODS[choice.name]
        units = entry.units(x, summary, feature_names)
        model_x = units.to_model(x)
        spec = ModelSpec(
            likelihood=choice.name,
            settings=tuple(sorted(entry.settings(model_x, units).items())),
            item_shape=tuple(int(length) for length in x.shape[1:]),
            latent_dim=int(options["latent_dim"]),
            network=options["network"],
            hidden=hidden_of(options["hidden"], options["network"]),
            activation=options["activation"],
            precision=options["precision"],
        )
        data = {"shape": list(x.shape), "dtype": str(x.dtype), "fingerprint": fingerprint(x)}
        seed = seed_of(options["random_state"])
        return cls(options, model_x, spec, units, seed, choice.reason, data, feature_names)

    @property
    def config(self) -> dict[str, Any]:
        """What config.json says."""
        parameters = jsonable(self.options)
        return config_of(
            parameters, self.spec, self.units, self.seed, self.reason, self.data, self.feature_names
        )

    def fit(self, run: RunDirectory | None, callbacks: Sequence[Any]) -> FitRecord:
        """Trains, and writes the model where there is a run."""
        entry = LIKELIHOODS[self.spec.likelihood]
        model_key, run_key = jr.split(jr.key(self.seed))
        train, valid = self.split()
        model = self.initial(entry, train, model_key)
        callbacks = [*callbacks, progress()] if self.options["verbose"] else callbacks
        trainer, rows = self.trainer(entry, len(train)), Example(train)
        options = {"valid": None if valid is None else Example(valid), "run": run, "callbacks": callbacks}
        treatments = None
        if self.options["max_error"] is not None:
            # the rows kept apart drive the multiplier, so that the error is one on new data; none are left to stop early by
            options["held_out"] = options.pop("valid")
            trainer = replace(trainer, reports=Reports())
            result = constrained_fit(run_key, trainer, model, rows, [self._constraint()], **options)
        elif self.options["cure"] is None:
            result = trainer.fit(run_key, model, rows, **options)
        else:
            cured = fit_with_cure(run_key, trainer, model, rows, remedies=_REMEDIES, **options)
            result, treatments = cured.result, [treatment.to_dict() for treatment in cured.treatments]
        record = FitRecord(
            spec=self.spec,
            units=self.units,
            arrays=arrays_of(result.model),
            seed=self.seed,
            reason=self.reason,
            data=self.data,
            history=result.history,
            treatments=treatments,
        )
        if run is not None:
            with run.lock():  # the trainer held it until now
                run.save_model(record.all_arrays())
                run.finish()
        return record

    def _constraint(self) -> Constraint:
        unit = jnp.asarray(self.units.unit, jnp.float32)
        tolerance = jnp.asarray(self.options["max_error"], jnp.float32)
        return Constraint(ReconstructionError(unit=unit), tolerance, name=RECONSTRUCTION_ERROR)

    def split(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows to train on, and those kept apart (`None` where they would be too few)."""
        n = len(self.x)
        held = round(self.options["validation_fraction"] * n)
        if held < _FEWEST_VALIDATION_ROWS:
            return self.x, None
        order = np.random.default_rng(self.seed).permutation(n)
        return self.x[order[held:]], self.x[order[:held]]

    def initial(self, entry: Entry, train: np.ndarray, key: Any) -> VAE:
        """The model before the first step."""
        model = with_units(_build(key, self.spec), self.units)
        bias = entry.bias(train, dict(self.spec.settings))
        assert isinstance(model.decoder, AbstractNetwork)  # as `_build` makes it
        decoder = with_output_bias(model.decoder, np.asarray(bias, np.float32))
        return eqx.tree_at(lambda m: m.decoder, model, decoder)

    def trainer(self, entry: Entry, rows: int) -> Trainer:
        """What trains it on so many rows."""
        o = self.options
        # as arrays, so that a search over them compiles one program
        beta, learning_rate = (jnp.asarray(o[name], jnp.float32) for name in ("beta", "learning_rate"))
        schedule = LinearWarmUp(float(o["warm_up"]), end=beta) if o["warm_up"] else Constant(beta)
        batch_size = min(int(o["batch_size"]), rows)
        return Trainer(
            Elbo(schedule),
            Adam(learning_rate),
            num_epochs=epochs_of(o["epochs"], rows, batch_size),
            batch_size=batch_size,
            reports=Reports(patience=o["patience"]),
            frozen=entry.constants,
        )


_build = eqx.filter_jit(build_model)


def _choice(likelihood: str, x: np.ndarray) -> Choice:
    return choose_likelihood(x) if likelihood == "auto" else Choice(likelihood, "It was asked for by name.")
