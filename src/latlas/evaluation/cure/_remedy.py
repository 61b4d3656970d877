"""A remedy: a function from the set-up of a fit to another one, named by what it is good for."""

import abc
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray, PyTree

from latlas.core import Example, RunDirectory, num_examples
from latlas.evaluation.diagnosis._finding import Finding
from latlas.objectives import Constraint, constrained_fit
from latlas.training import FitResult, Trainer


class FitSetup(eqx.Module):
    """The set-up of a fit as one value: what `trainer.fit(key, model, data)` is called with.

    Attributes:
        key: of the run.
        model: at its start, before the first step.
        trainer: objective, optimizer, length.
        data: the training rows.
        constraints: that the fit must keep (`objectives.constrained_fit`); none for `trainer.fit`.
    """

    key: PRNGKeyArray
    model: Any
    trainer: Trainer
    data: Example
    constraints: tuple[Constraint, ...] = ()

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        if self.trainer.num_epochs is None:
            assert self.trainer.num_steps is not None  # a run has one length
            return self.trainer.num_steps
        rows, batch_size = num_examples(self.data), self.trainer.batch_size
        return self.trainer.num_epochs * (1 if batch_size is None else rows // min(batch_size, rows))

    def fit(
        self, valid: Example | None, *, run: RunDirectory | None = None, callbacks: Sequence[Any] = ()
    ) -> FitResult:
        """The fit.

        Args:
            valid: validation rows, by which the best model is kept; under constraints the last one is.
            run: where checkpoints and metrics are kept.
            callbacks: see `FitCallback`.

        Returns:
            As `Trainer.fit`; under constraints without a state, whose model would hold the multipliers too.
        """
        if not self.constraints:
            return self.trainer.fit(
                self.key, self.model, self.data, valid=valid, run=run, callbacks=callbacks
            )
        found = constrained_fit(
            self.key, self.trainer, self.model, self.data, self.constraints, run=run, callbacks=callbacks
        )
        return FitResult(found.model, None, found.history, "finished")


class AbstractRemedy(eqx.Module):
    """Set-up of a fit -> another set-up of it; the treated fit starts anew, from the first step.

    A subclass gives its name, a sentence that says what it does, the findings that it is for, and whether the arrays of the
    model keep their names and shapes, so that what was saved before can hold what was fitted after.
    """

    name: eqx.AbstractClassVar[str]
    sentence: eqx.AbstractClassVar[str]
    findings: eqx.AbstractClassVar[tuple[str, ...]]
    keeps_structure: eqx.AbstractClassVar[bool]

    def applies(self, finding: Finding) -> bool:
        """Whether it is a remedy for this finding."""
        return finding.name in self.findings

    @abc.abstractmethod
    def apply(self, setup: FitSetup) -> FitSetup | None:
        """The treated set-up, or `None` where there is nothing to change."""


def replaced(tree: PyTree, kind: type | UnionType, change: Callable[[Any], Any | None]) -> PyTree | None:
    """The tree with every node of a kind changed, wherever it stands; `None` where none was.

    Remedies find what they change by its type, so that they work on any composition of models and objectives.

    Args:
        tree: a model, an objective, an optimizer.
        kind: of the nodes; nothing within such a node is looked at.
        change: node -> the new one, or `None` to leave it.
    """
    changed = []

    def at(node: Any) -> Any:
        new = change(node) if isinstance(node, kind) else None
        if new is None:
            return node
        changed.append(new)
        return new

    tree = jax.tree.map(at, tree, is_leaf=lambda node: isinstance(node, kind))
    return tree if changed else None


def nodes(tree: PyTree, kind: type) -> list[Any]:
    """The nodes of a kind, none within another."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]
