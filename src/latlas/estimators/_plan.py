"""One fit, planned and done: from checked rows to a record of JSON and arrays."""

import logging
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Shaped

from latlas.core import Constant, DataError, DivergedError, Example, LinearWarmUp, RequestError, RunDirectory
from latlas.data import (
    AbstractUnits,
    Choice,
    Levels,
    Standardised,
    Summary,
    Table,
    choose_likelihood,
    doubts,
    fingerprint,
    summarise,
)
from latlas.estimators._build import ModelSpec, build_model, with_units
from latlas.estimators._options import epochs_of, hidden_of, jsonable, levels_of, seed_of, shows_progress
from latlas.estimators._record import RECONSTRUCTION_ERROR, FitRecord, arrays_of, config_of
from latlas.estimators._resolve import LIKELIHOODS, Entry
from latlas.evaluation import fit_with_cure
from latlas.evaluation.cure import REMEDIES
from latlas.models import VAE
from latlas.networks import AbstractNetwork, with_output_bias
from latlas.objectives import Constraint, Elbo, ReconstructionError, constrained_fit
from latlas.training import Adam, Reports, Trainer, progress

_OF_LEVELS = ("categorical", "discretised_logistic")
_log = logging.getLogger("latlas.estimators")

# with fewer rows to validate on, their mean says little and early stopping would follow the noise
_FEWEST_VALIDATION_ROWS = 5
# nats per entry in the model's units, about those of a model that has learnt nothing: a loss above them is compared with it,
# which takes a compilation
_SUSPECT, _SUSPECT_BITS = 1.5, 0.7
# nats by which a fit may end worse than it began: of an example, and of each of its entries; one that is held to an error of
# its reconstructions pays for it with its ELBO
_WORSE, _WORSE_ENTRY, _WORSE_ENTRY_CONSTRAINED = 1.0, 0.02, 20.0
# an epoch of few rows is a step, after a score of which nothing is decided
_PATIENT_STEPS = 200
# what a run directory holds is built from its configuration, so the arrays must stay those of the model that was asked for
_REMEDIES = tuple(remedy for remedy in REMEDIES if remedy.keeps_structure)


@dataclass(frozen=True)
class Briefing:
    """What a user is told before a fit begins.

    Attributes:
        reason: why the likelihood was chosen.
        described: what the data are and which likelihood they get, in a line.
        doubts: what speaks against that likelihood, a sentence each.
    """

    reason: str
    described: str
    doubts: list[str]


@dataclass(frozen=True)
class Plan:
    """All that a fit needs, decided before it begins; a pure function of it is what comes out.

    Attributes:
        options: of the estimator.
        x: the rows as the model sees them.
        spec: how the model is built.
        units: between the data's units and the model's.
        seed: everything random follows from it.
        briefing: what the user is told of it.
        data: shape, type and fingerprint of the data.
        feature_names: of the columns, or `None`.
    """

    options: dict[str, Any]
    x: Shaped[np.ndarray, "examples ..."]
    spec: ModelSpec
    units: AbstractUnits
    seed: int
    briefing: Briefing
    data: dict[str, Any]
    feature_names: list[str] | None

    @classmethod
    def of(
        cls,
        options: dict[str, Any],
        x: np.ndarray,
        feature_names: list[str] | None,
        table: Table | None = None,
    ) -> "Plan":
        """Looks at the data and decides all that was left open.

        Args:
            options: of the estimator.
            x: the rows, in the data's units.
            feature_names: of the columns, or `None`.
            table: where the rows come from, as far as that is known.
        """
        summary = summarise(x)
        if summary.constant == x[0].size:
            raise DataError(
                "Every row of the data is the same, so there is nothing to learn: check that the right array was given."
            )
        choice = _choice(options["likelihood"], x)
        entry = LIKELIHOODS[choice.name]
        units = _units(entry, choice.name, levels_of(options["levels"]), x, summary, feature_names)
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
        if table is None:
            table = Table(x, columns=None if feature_names is None else tuple(feature_names))
        named = {"label": table.label_name, "index": table.index_name}
        data |= {role: name for role, name in named.items() if name is not None}
        seed = seed_of(options["random_state"])
        described = f"{table.describe()} {_told(choice, options['likelihood'])}"
        briefing = Briefing(choice.reason, described, doubts(x, choice.name, feature_names))
        return cls(options, model_x, spec, units, seed, briefing, data, feature_names)

    @property
    def config(self) -> dict[str, Any]:
        """What config.json says."""
        parameters = jsonable(self.options)
        return config_of(
            parameters, self.spec, self.units, self.seed, self.briefing.reason, self.data, self.feature_names
        )

    def announce(self) -> None:
        """Says what is about to be fitted, and what speaks against it."""
        _log.info("%s", self.briefing.described)
        if shows_progress(self.options["verbose"]):
            print(self.briefing.described, file=sys.stderr)
        for doubt in self.briefing.doubts:
            _log.warning("%s", doubt)

    def fit(self, run: RunDirectory | None, callbacks: Sequence[Any]) -> FitRecord:
        """Trains, and writes the model where there is a run."""
        entry = LIKELIHOODS[self.spec.likelihood]
        model_key, run_key = jr.split(jr.key(self.seed))
        train, valid = self.split()
        model = self.initial(entry, train, model_key)
        callbacks = [*callbacks, progress()] if shows_progress(self.options["verbose"]) else callbacks
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
        self._check_learned(trainer, model, result.model, rows, result.history, run_key)
        record = FitRecord(
            spec=self.spec,
            units=self.units,
            arrays=arrays_of(result.model),
            seed=self.seed,
            reason=self.briefing.reason,
            data=self.data,
            history=result.history,
            treatments=treatments,
        )
        if run is not None:
            with run.lock():  # the trainer held it until now
                run.save_model(record.all_arrays())
                run.finish()
        return record

    def _check_learned(
        self,
        trainer: Trainer,
        begun: VAE,
        ended: VAE,
        rows: Example,
        history: Sequence[dict[str, Any]],
        key: Any,
    ) -> None:
        """Refuses a fit that ended below the model before its first step, which gives each entry its mean.

        Both are measured on the same rows with the same noise, so that neither the unit of the data nor which rows were
        kept apart matters.

        Raises:
            DivergedError: naming both.
        """
        entries = self.x[0].size
        shift = float(np.sum(self.units.log_scale)) if isinstance(self.units, Standardised) else 0.0
        suspect = _SUSPECT_BITS if self.spec.likelihood == "bernoulli" else _SUSPECT
        losses = [report["valid" if "valid" in report else "train"]["loss"] for report in history]
        if not losses or not losses[-1] - shift > suspect * entries:
            return
        few = Example(rows.x[: trainer.batch_size or len(rows.x)])
        loss = eqx.filter_jit(trainer.objective)
        before, after = (float(loss(key, m, few, progress=jnp.float32(1.0))[0]) for m in (begun, ended))
        worse = _WORSE_ENTRY if self.options["max_error"] is None else _WORSE_ENTRY_CONSTRAINED
        if after > before + _WORSE + worse * entries:
            raise DivergedError(
                f"The fit diverged: its loss is {after:.4g} nats per example, and was {before:.4g} before the first "
                f"step. Lower learning_rate (it is {float(self.options['learning_rate']):g})."
            )

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
        trainer = Trainer(
            Elbo(schedule),
            Adam(learning_rate),
            num_epochs=epochs_of(o["epochs"], rows, batch_size),
            batch_size=batch_size,
            frozen=entry.constants,
        )
        if o["patience"] is None:
            return trainer
        reports = max(o["patience"], math.ceil(_PATIENT_STEPS / trainer.steps_per_report(rows)))
        return replace(trainer, reports=Reports(patience=reports))


_build = eqx.filter_jit(build_model)


def _told(choice: Choice, asked: str) -> str:
    name = choice.name.replace("_", " ")
    if asked != "auto":
        return f"Likelihood: {name}, as asked for."
    return f"Likelihood: {name}. {choice.reason} Another can be asked for by likelihood."


def _units(
    entry: Entry,
    name: str,
    levels: Levels | None,
    x: np.ndarray,
    summary: Summary,
    feature_names: list[str] | None,
) -> AbstractUnits:
    if levels is None:
        return entry.units(x, summary, feature_names)
    if name not in _OF_LEVELS:
        raise RequestError(
            f"The option levels is for {' and '.join(_OF_LEVELS)}, and the likelihood is {name}: leave it out, or ask for "
            "one of these."
        )
    return levels


def _choice(likelihood: str, x: np.ndarray) -> Choice:
    return choose_likelihood(x) if likelihood == "auto" else Choice(likelihood, "It was asked for by name.")
