"""A fit that watches itself: what is found wrong is treated by the remedy that the finding names.

The judge is the ELBO of held-out rows, at beta = 1 and under each model's own likelihood. A treatment that
does not raise it is undone, whatever it did to the symptom; so a cured fit is never worse, by this measure,
than the fit alone.
"""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.core import Example, NonFiniteError, RequestError, RunDirectory, Stream, in_precision_of_model
from latlas.evaluation.cure._model_remedies import (
    LearnLikelihoodScale,
    SmallDecoderInit,
    SoftenPrior,
    WidenPosterior,
    prepared,
)
from latlas.evaluation.cure._objective_remedies import (
    AddFreeBits,
    AnnealCapacity,
    ConstrainRate,
    CyclicalWarmUp,
    DemandRate,
    UnitBeta,
    WarmUp,
)
from latlas.evaluation.cure._record import Record, Treatment
from latlas.evaluation.cure._remedy import AbstractRemedy, FitSetup
from latlas.evaluation.cure._run_remedies import LowerLearningRate, MoreEncoderSteps, MoreEpochs
from latlas.evaluation.cure._watch import Judge, Watch
from latlas.evaluation.diagnosis._finding import Diagnosis, Finding
from latlas.evaluation.diagnosis._support import refused, support_finding
from latlas.training import FitResult, Trainer, checked_callbacks

REMEDIES: tuple[AbstractRemedy, ...] = (
    SoftenPrior(),
    UnitBeta(),
    LearnLikelihoodScale(),
    WidenPosterior(),
    WarmUp(),
    AddFreeBits(),
    SmallDecoderInit(),
    MoreEncoderSteps(),
    DemandRate(),
    CyclicalWarmUp(),
    ConstrainRate(),
    AnnealCapacity(),
    LowerLearningRate(),
    MoreEpochs(),
)

_log = logging.getLogger("latlas")

# a first run that was stopped within this many nats of the kept one is run to its end before it is given up
_CLOSE = 1.0


@dataclass(frozen=True)
class CuredFit:
    """What a fit with its cure came to.

    Attributes:
        result: of the attempt that is kept.
        treatments: what was done, in order; empty where the first run was healthy.
        diagnosis: of the kept model.
        first_diagnosis: of the first attempt, at its end or where it was stopped.
        setup: the set-up that it came from.
        attempt: its number; 0 is the fit as it was asked for.
        elbo: its mean ELBO on the validation rows, in nats.
    """

    result: FitResult
    treatments: tuple[Treatment, ...]
    diagnosis: Diagnosis
    first_diagnosis: Diagnosis
    setup: FitSetup
    attempt: int
    elbo: float


@in_precision_of_model
def fit_with_cure(
    key: PRNGKeyArray,
    trainer: Trainer,
    model: Any,
    data: Example,
    *,
    valid: Example | None,
    remedies: Sequence[AbstractRemedy] = REMEDIES,
    max_attempts: int = 5,
    run: RunDirectory | None = None,
    callbacks: Sequence[Any] = (),
) -> CuredFit:
    """`trainer.fit`, watched, and treated where it is found sick.

    The first run is looked at when 40 and 60 per cent of it are done, and is stopped where both looks find the same serious
    thing that a remedy is for. At its end it is diagnosed. While something worse than a note is found, the first remedy
    for it that changes anything is applied to the best set-up so far, and the treated fit is run from its start with
    the same key. The attempt with the highest ELBO on the validation rows is kept. A healthy run is the same bits as
    `trainer.fit` alone.

    Args:
        key: everything random in each run follows from it.
        trainer: as it would be used alone.
        model: at its start.
        data: training rows.
        valid: validation rows, which every attempt is judged by; `None` judges by the training rows.
        remedies: those that may be used, in the order in which they are tried.
        max_attempts: fits in all, at least 1; 1 diagnoses and treats nothing but a prior that is a point.
        run: where all is kept: the first attempt in the run itself, each other one under `attempts/`, and the record
            in `treatments.json`. A cured fit that was interrupted goes on where it was when it is called again with the same
            arguments.
        callbacks: see `FitCallback`; each attempt is a run to them.

    Raises:
        RequestError: if the prior has no density where the posterior puts its draws and no remedy for that is at hand,
            or `max_attempts` is below 1.
        NonFiniteError: if no attempt came to its end.
    """
    if max_attempts < 1:
        raise RequestError(f"A fit needs at least one attempt; got max_attempts={max_attempts}.")
    with nullcontext() if run is None else run.lock():
        cure = _Cure(valid, tuple(remedies), max_attempts, Record(run), checked_callbacks(callbacks))
        return cure.finish(FitSetup(key, model, trainer, data))


@dataclass(frozen=True)
class _Attempt:
    """One run and what became of it; `stopped` where the watch ended it, `error` where it failed."""

    number: int
    setup: FitSetup
    elbo: float
    diagnosis: Diagnosis
    step: int
    result: FitResult | None = None
    error: NonFiniteError | None = None

    @property
    def stopped(self) -> bool:
        return self.result is None and self.error is None


@dataclass(frozen=True)
class _Cure:
    valid: Example | None
    remedies: tuple[AbstractRemedy, ...]
    max_attempts: int
    record: Record
    callbacks: tuple[Any, ...]

    def finish(self, setup: FitSetup) -> CuredFit:
        setup = self._supported(setup)
        first = best = self._watched(setup)
        tried: set[str] = set()
        for number in range(1, self.max_attempts):
            choice = self._choice(best, tried)
            if choice is None:
                break
            finding, remedy, treated = choice
            tried.add(remedy.name)
            _log.warning("%s: applying the remedy %s. %s", finding.name, remedy.name, remedy.sentence)
            attempt = self._run(number, treated)
            self._treated(finding, remedy, best, attempt)
            best = attempt if attempt.elbo > best.elbo else best
        if first.stopped and best.elbo < first.elbo + _CLOSE:
            whole = self._run(0, setup)  # it was stopped for less than it seemed
            best = whole if best is first or whole.elbo >= best.elbo else best
        if best.result is None:
            assert best.error is not None  # a run that was not stopped gave a result or failed
            raise best.error
        self.record.finish(best.number)
        treatments = tuple(self.record.treatments)
        return CuredFit(
            result=best.result,
            treatments=treatments,
            diagnosis=best.diagnosis,
            first_diagnosis=first.diagnosis,
            setup=best.setup,
            attempt=best.number,
            elbo=best.elbo,
        )

    def _choice(self, best: _Attempt, tried: set[str]) -> tuple[Finding, AbstractRemedy, FitSetup] | None:
        """The first remedy, for the most severe finding, that changes anything."""
        for finding in best.diagnosis.findings:
            for remedy in self.remedies if finding.severity != "note" else ():
                if remedy.name not in tried and remedy.applies(finding):
                    treated = remedy.apply(best.setup)
                    if treated is not None:
                        return finding, remedy, treated
        return None

    def _supported(self, setup: FitSetup) -> FitSetup:
        """The set-up with a prior that the posterior can be held against."""
        finding = support_finding(jr.fold_in(setup.key, Stream.SUPPORT), setup.model, prepared(setup, 32))
        if finding is None:
            return setup
        for remedy in self.remedies:
            treated = remedy.apply(setup) if remedy.applies(finding) else None
            if treated is not None:
                outcome = "It was applied before the first step: without it there is nothing to compare with."
                why = f"{finding.meaning} {remedy.sentence}"
                _log.warning("%s: applying the remedy %s. %s", finding.name, remedy.name, remedy.sentence)
                self.record.treatments.append(
                    Treatment(finding.name, finding.measured, remedy.name, 0, 0, why, outcome)
                )
                return treated
        raise refused(finding)

    def _judge(self, setup: FitSetup) -> Judge:
        valid = setup.data if self.valid is None else self.valid
        return Judge(jr.fold_in(setup.key, Stream.JUDGE), setup.data, valid, setup.trainer.prepare)

    def _watched(self, setup: FitSetup) -> _Attempt:
        """The first attempt: run to its end, or to the look that stops it."""

        def treatable(finding: Finding) -> bool:
            applying = (remedy for remedy in self.remedies if remedy.applies(finding))
            return self.max_attempts > 1 and any(remedy.apply(setup) is not None for remedy in applying)

        watch = Watch(self._judge(setup), treatable, self.record.looks, self.record.look)
        if not any(look.stop for look in watch.looks):  # looks of an earlier run that was interrupted
            attempt = self._run(0, setup, watch)
            if not any(look.stop for look in watch.looks):
                return attempt
        look = next(look for look in watch.looks if look.stop)
        return _Attempt(0, setup, look.elbo, Diagnosis(look.findings), look.step)

    def _run(self, number: int, setup: FitSetup, *watch: Watch) -> _Attempt:
        """One fit, from its start or from its last checkpoint, and its judgement."""
        run = self.record.directory(number)
        callbacks = [*self.callbacks, *watch]
        try:
            result = setup.fit(self.valid, run=run, callbacks=callbacks)
        except NonFiniteError as error:
            return _Attempt(number, setup, -np.inf, _failed(error), error.step, error=error)
        judge, step = self._judge(setup), result.history[-1]["step"]
        if any(look.stop for w in watch for look in w.looks):
            return _Attempt(number, setup, -np.inf, Diagnosis(()), step)  # judged by its last look
        diagnosis = judge.diagnosis(result.model, result.history)
        return _Attempt(number, setup, judge.elbo(result.model), diagnosis, step, result)

    def _treated(self, finding: Finding, remedy: AbstractRemedy, before: _Attempt, after: _Attempt) -> None:
        better = after.elbo > before.elbo
        change = f"the validation ELBO is {after.elbo:.2f} after it and {before.elbo:.2f} before"
        if before.stopped:
            change += f" (at step {before.step}, where the run was stopped)"
        if after.error is not None:
            change = f"the treated run failed: {after.error}"
        outcome = f"{'Kept' if better else 'Not kept'}: {change}."
        _log.warning("The remedy %s: %s", remedy.name, outcome)
        why = f"{finding.meaning} {remedy.sentence}"
        self.record.treatments.append(
            Treatment(finding.name, finding.measured, remedy.name, after.number, before.step, why, outcome)
        )


def _failed(error: NonFiniteError) -> Diagnosis:
    finding = Finding(
        "unstable_gradients",
        "serious",
        float("inf"),
        0.0,
        f"The run came to no finite step: {error}",
        "Lower the learning rate.",
    )
    return Diagnosis((finding,))
