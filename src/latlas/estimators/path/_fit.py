"""One model per beta, trained side by side: from a planned fit to records and their curve."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import Float

from latlas.core import Example, Stream
from latlas.estimators._options import shows_progress
from latlas.estimators._plan import Plan
from latlas.estimators._record import FitRecord, arrays_of
from latlas.estimators._resolve import LIKELIHOODS
from latlas.evaluation import RateDistortionCurve, rate_distortion_curve
from latlas.training import FitContext, progress

_DRAWS = 50


def fit_path(
    plan: Plan, betas: Float[np.ndarray, " betas"], callbacks: Sequence[Any]
) -> tuple[list[FitRecord], RateDistortionCurve]:
    """Trains one model per beta as one program, and measures all of them on the rows kept apart.

    Model i is the last one of the fit with `beta=betas[i]` and the same seed: all start from the same weights and see the
    same batches and the same noise.

    Args:
        plan: of one fit; its own beta is not looked at.
        betas: positive and rising.
        callbacks: see `training.FitCallback`.

    Returns:
        One record per beta, and the curve (on the rows trained on, where none are kept apart).
    """
    entry = LIKELIHOODS[plan.spec.likelihood]
    key = jr.key(plan.seed)
    model_key, run_key = jr.split(key)  # as fit_many does
    train, valid = plan.split()
    start = plan.initial(entry, train, model_key)
    callbacks = [*callbacks, progress()] if shows_progress(plan.options["verbose"]) else list(callbacks)
    of_path = replace(plan, options=plan.options | {"beta": betas})  # an array of betas: a schedule for each
    trainer = of_path.trainer(entry, len(train))
    kept = _History()
    models, _ = trainer.fit_many(
        key, _Start(start), Example(train), objectives=trainer.objective, callbacks=[*callbacks, kept]
    )
    rows = Example(train if valid is None else valid)
    curve = rate_distortion_curve(jr.fold_in(run_key, Stream.CURVE), models, betas, rows, num_samples=_DRAWS)
    histories = [_history(kept.lines, i, curve if valid is not None else None) for i in range(len(betas))]
    records = [
        FitRecord(
            spec=plan.spec,
            units=plan.units,
            arrays=arrays_of(_nth(models, i)),
            seed=plan.seed,
            reason=plan.briefing.reason,
            data=plan.data,
            history=history,
        )
        for i, history in enumerate(histories)
    ]
    return records, curve


class _Start(eqx.Module):
    """The same model whatever the key."""

    model: Any

    def __call__(self, key: Any) -> Any:
        return self.model


class _History:
    """Keeps the reports of a run."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None = None
    ) -> None:
        """Keeps a report where one was due."""
        if metadata is not None:
            self.lines.append(metadata)


def _nth(models: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[i] if eqx.is_array(leaf) else leaf, models)


def _history(lines: list[dict[str, Any]], i: int, curve: RateDistortionCurve | None) -> list[dict[str, Any]]:
    """The reports of one run; the last with the measures on the rows kept apart."""
    history = [
        line | {"train": {name: float(values[i]) for name, values in line["train"].items()}} for line in lines
    ]
    if curve is not None:
        rate, distortion = float(curve.rate[i]), float(curve.distortion[i])
        valid = {"elbo": float(curve.elbo[i]), "log_likelihood": -distortion, "kl": rate}
        beta = float(curve.betas[i])
        history[-1] = history[-1] | {"valid": {"loss": distortion + beta * rate, **valid, "beta": beta}}
    return history
