"""A run judged while it goes on: quick diagnoses at a few reports, and the decision to stop a sick one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.core import Example, finite_or_none, num_examples
from latlas.evaluation.diagnosis._diagnose import QUICK_CHECKS, diagnose
from latlas.evaluation.diagnosis._finding import Diagnosis, Finding
from latlas.evaluation.evidence._elbo import elbo
from latlas.evaluation.evidence._sampled_terms import Prepare
from latlas.training import FitContext

# shares of a run at which it is looked at: a warm-up is over by then, and what is found twice is no passing state
LOOKS = (0.4, 0.6)
_JUDGED_ROWS, _NUM_SAMPLES = 2000, 16


@dataclass(frozen=True)
class Look:
    """What was seen of a run at one of its reports.

    Attributes:
        step: of the report.
        elbo: mean on the validation rows, at beta = 1.
        findings: of the quick diagnosis.
        stop: whether the run is sick enough to be stopped.
    """

    step: int
    elbo: float
    findings: tuple[Finding, ...]
    stop: bool

    def to_dict(self) -> dict[str, Any]:
        """As plain values; an infinite number is `None`."""
        return {
            "step": self.step,
            "elbo": finite_or_none(self.elbo),
            "stop": self.stop,
            "findings": [f.to_dict() for f in self.findings],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Look":
        """The inverse of `to_dict`."""
        findings = tuple(Finding.from_dict(finding) for finding in values["findings"])
        value = -np.inf if values["elbo"] is None else values["elbo"]
        return cls(values["step"], value, findings, values["stop"])


@dataclass(frozen=True)
class Judge:
    """Held-out rows, and how a model is judged by them: the same draws for every model.

    Attributes:
        key: draws the latents.
        train: training rows, for the gap between the two.
        valid: held-out rows.
        prepare: as in training.
    """

    key: PRNGKeyArray
    train: Example
    valid: Example
    prepare: Prepare | None

    def elbo(self, model: Any) -> float:
        """The mean ELBO of the held-out rows, whatever objective trained the model; minus infinity if not finite."""
        rows = spread(self.valid, _JUDGED_ROWS)
        value = elbo(self.key, model, rows, num_samples=_NUM_SAMPLES, prepare=self.prepare).summary().value
        return value if np.isfinite(value) else -np.inf

    def diagnosis(self, model: Any, history: Sequence[dict[str, Any]]) -> Diagnosis:
        """The quick diagnosis."""
        return diagnose(
            self.key,
            model,
            self.valid,
            train=self.train,
            history=history,
            num_samples=_NUM_SAMPLES,
            checks=QUICK_CHECKS,
            prepare=self.prepare,
        )


class Watch:
    """A callback that looks at a run, and ends it where two looks in a row find the same serious, treatable thing.

    It touches nothing of the run: one that is not stopped is the same bits as one that was not watched.
    """

    def __init__(
        self,
        judge: Judge,
        treatable: Callable[[Finding], bool],
        looks: Sequence[Look],
        record: Callable[[Look], None],
    ) -> None:
        """Goes on from the looks of the part of the run that was done before."""
        self._judge, self._treatable, self._record = judge, treatable, record
        self.looks = list(looks)

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None = None
    ) -> bool:
        """Looks, where a look is due, and asks to stop where it must be."""
        step = context.step
        if metadata is None or step >= context.num_steps:
            return False
        before = [look for look in self.looks if look.step < step]
        if len(before) >= sum(step >= share * context.num_steps for share in LOOKS):
            return False
        look = next((look for look in self.looks if look.step == step), None)
        if look is None:
            look = self._look(context, before)
            self.looks.append(look)
            self._record(
                look
            )  # before the state is saved: a state on the disk has all of its looks on the disk
        return look.stop

    def _look(self, context: FitContext, before: Sequence[Look]) -> Look:
        findings = tuple(self._judge.diagnosis(context.model, context.history).findings)
        again = {f.name for look in before[-1:] for f in look.findings if f.severity == "serious"}
        stop = any(f.severity == "serious" and f.name in again and self._treatable(f) for f in findings)
        return Look(context.step, self._judge.elbo(context.model), findings, stop)


def spread(rows: Example, most: int) -> Example:
    """At most so many of the rows, evenly over all: data often come sorted."""
    n = num_examples(rows)
    if n <= most:
        return rows
    index = np.linspace(0, n - 1, most).round().astype(int)
    return jax.tree.map(lambda leaf: leaf[index], rows)
