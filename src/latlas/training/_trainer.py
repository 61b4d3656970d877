"""A run: stretches of compiled steps, and between them reports, validation, checkpoints and signals."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray, PyTree, Scalar

from latlas.core import InterruptedRunError, NonFiniteError, RunDirectory, named_arrays, with_named_arrays
from latlas.training._advance import Recipe, advance, loss_and_terms, num_rows
from latlas.training._callbacks import Callbacks, FitContext
from latlas.training._interruption import interruption
from latlas.training._optimizer import AbstractOptimizer, Adam
from latlas.training._state import Best, TrainState, copied, trainable

# a run is given up when this many steps in a row are not finite: one bad batch is skipped, a diverged run is not saved by it
_BAD_STEPS = 5
# the host wakes this often for signals and the progress bar
_STRETCH_SECONDS = 0.5


class FitResult(eqx.Module):
    """What a run left.

    Attributes:
        model: the best model by validation loss; without validation data the last one.
        state: the state at the end.
        history: one dict per report: `step`, `epoch`, `train` and (with validation data) `valid`, each a dict of terms.
        reason: why it ended: `"finished"`, `"early stopping"` or `"callback"`.
    """

    model: PyTree
    state: TrainState
    history: list[dict[str, Any]]
    reason: str


class Trainer(eqx.Module):
    """Minimises an objective over a pytree's floating-point arrays.

    Attributes:
        objective: `(key, model, batch, *, progress) -> (loss, terms)`, for example `objectives.Elbo()`, or any function
            of this form over any pytree.
        optimizer: `Adam(...)`, or `Optax(...)` around any Optax transformation.
        num_steps: steps of the whole run; or give `num_epochs`.
        num_epochs: passes over the data.
        batch_size: rows per step (all of them where there are fewer); `None` for the whole data at every step.
        prepare: `(key, batch) -> batch`, run inside the compiled step, so that data stay in their storage type.
        frozen: model -> the part or tuple of parts that is not trained, not even by weight decay.
        patience: with validation data, stop after this many reports without a lower validation loss.
        report_every: steps between reports; by default an epoch, and at most 200 reports a run.
        checkpoint_seconds: with a run directory, how often the state is saved.
    """

    objective: Callable[..., tuple[Scalar, dict[str, Scalar]]]
    optimizer: AbstractOptimizer = Adam()
    num_steps: int | None = None
    num_epochs: int | None = None
    batch_size: int | None = 100
    prepare: Callable[[PRNGKeyArray, PyTree], PyTree] | None = None
    frozen: Callable[[Any], Any] | None = None
    patience: int | None = None
    report_every: int | None = None
    checkpoint_seconds: float = 60.0

    def __check_init__(self):
        if (self.num_steps is None) == (self.num_epochs is None):
            raise ValueError("A run has one length: give either num_steps or num_epochs, and not both.")
        length = self.num_epochs if self.num_steps is None else self.num_steps
        if length < 1:
            raise ValueError(f"A run needs at least one step; {length} came.")

    def fit(
        self,
        key: PRNGKeyArray,
        model: PyTree,
        data: PyTree[Array] = None,
        *,
        valid: PyTree[Array] = None,
        run: RunDirectory | None = None,
        callbacks: Sequence[Any] = (),
    ) -> FitResult:
        """Trains a model, or goes on with the run that `run` holds a state of.

        Args:
            key: everything random in the run follows from it.
            model: any pytree.
            data: arrays with a shared leading axis, kept on the device in their storage type; `None` where the objective
                needs none.
            valid: validation data of the same form.
            run: where checkpoints and metrics are kept.
            callbacks: see `FitCallback`.

        Raises:
            NonFiniteError: if loss or gradient stay not finite.
            InterruptedRunError: on SIGTERM, SIGINT or SIGUSR1, after the state was saved.
        """
        data, valid = (jax.tree.map(jnp.asarray, d) for d in (data, valid))
        return _Run(self, key, model, data, valid, run, callbacks).go()

    def fit_many(
        self, keys: PRNGKeyArray, init: Callable[[PRNGKeyArray], PyTree], data: PyTree[Array] = None
    ) -> PyTree:
        """Trains one model per key, all at once in one compiled program.

        Args:
            keys: one key per run, with a leading axis.
            init: `key -> model`; every model must have the same structure.
            data: shared by all.

        Returns:
            The trained models as one pytree whose arrays have a leading axis, and the mean terms of the last report's
            length of each run.
        """
        data = jax.tree.map(jnp.asarray, data)
        recipe, total, every = self._plan(data)
        states = _start_many(recipe, data, jax.tree.map(jnp.asarray, keys), init, jnp.int32(total))
        states = _advance_many((recipe, data), states, jnp.int32(total - every), jnp.int32(total))
        states = eqx.tree_at(
            lambda s: (s.sums, s.count), states, replace_fn=lambda x: jax.tree.map(jnp.zeros_like, x)
        )
        states = _advance_many((recipe, data), states, jnp.int32(every), jnp.int32(total))
        return states.model, {name: value / states.count for name, value in states.sums.items()}

    def _plan(self, data: PyTree[Array]) -> tuple[Recipe, int, int]:
        n = num_rows(data)
        batch_size = None if n is None or self.batch_size is None else min(self.batch_size, n)
        per_epoch = 1 if batch_size is None else n // batch_size
        total = self.num_steps if self.num_epochs is None else self.num_epochs * per_epoch
        every = self.report_every or per_epoch * max(1, round(total / per_epoch / 200))
        recipe = Recipe(self.objective, self.optimizer, batch_size, self.prepare, self.frozen)
        return recipe, total, min(every, total)


def _start(recipe, data, key, model, total, *, with_best):
    state_key = jr.fold_in(key, 2)
    params = eqx.filter(model, trainable(model, recipe.frozen))
    _, terms = eqx.filter_eval_shape(loss_and_terms, recipe, model, data, key, jnp.int32(0), total)
    zero = lambda: jnp.zeros((), jnp.int32)
    sums = {name: jnp.zeros(()) for name in (*terms, "gradient_norm")}
    best = Best(jnp.asarray(jnp.inf), zero(), copied(model)) if with_best else None
    return TrainState(
        copied(model), recipe.optimizer.init(params), zero(), state_key, sums, zero(), zero(), best
    )


@eqx.filter_jit(donate="all-except-first")
def _advance(inputs, state, num_steps, total):
    return advance(*inputs, state, num_steps, total)


@eqx.filter_jit
def _start_many(recipe, data, keys, init, total):
    def start(key):
        init_key, run_key = jr.split(key)
        return _start(recipe, data, run_key, init(init_key), total, with_best=False)

    return eqx.filter_vmap(start)(keys)


@eqx.filter_jit(donate="all-except-first")
def _advance_many(inputs, states, num_steps, total):
    return eqx.filter_vmap(lambda state: advance(*inputs, state, num_steps, total))(states)


@eqx.filter_jit
def mean_terms(recipe: Recipe, model: PyTree, data: PyTree[Array], key: PRNGKeyArray) -> dict[str, Scalar]:
    """Mean of the loss and its terms over all rows of the data, in chunks of the batch size."""
    n = num_rows(data)
    size = min(recipe.batch_size or n, n)
    whole = n // size

    def chunk_terms(key, batch):
        prepare_key, loss_key = jr.split(key)
        batch = batch if recipe.prepare is None else recipe.prepare(prepare_key, batch)
        loss, terms = recipe.objective(loss_key, model, batch, progress=1.0)
        return {"loss": loss, **terms}

    chunks = jax.tree.map(lambda leaf: leaf[: whole * size].reshape(whole, size, *leaf.shape[1:]), data)
    terms = jax.lax.map(lambda pair: chunk_terms(*pair), (jr.split(key, whole), chunks))
    sums = jax.tree.map(lambda term: size * jnp.sum(term), terms)
    if n > whole * size:
        rest = chunk_terms(jr.fold_in(key, whole), jax.tree.map(lambda leaf: leaf[whole * size :], data))
        sums = jax.tree.map(lambda total, term: total + (n - whole * size) * term, sums, rest)
    return jax.tree.map(lambda total: total / n, sums)


class _Run:
    """One call of `Trainer.fit`: the host's side of it."""

    def __init__(self, trainer, key, model, data, valid, run, callbacks):
        self.trainer, self.data, self.valid, self.run = trainer, data, valid, run
        self.recipe, self.total, self.every = trainer._plan(data)
        self.valid_key = jr.fold_in(key, 3)
        self.callbacks = Callbacks(trainer, callbacks)
        self.context = FitContext(num_steps=self.total)
        total = jnp.int32(self.total)
        self.state = _start(self.recipe, data, key, model, total, with_best=valid is not None)
        self.best = self.state.best
        if run is not None:
            self._resume()
        self.saved_step = int(self.state.step)

    def _resume(self):
        step, arrays = self.run.latest_state() or (None, None)
        self.run.truncate_metrics(step or 0)
        if step is None:
            return
        self.state = with_named_arrays(self.state, arrays, source=f"The checkpoint of step {step}")
        self.best = self.state.best
        self.context.history = self.run.read_metrics()
        if self.context.history:
            self.context.seconds = self.context.history[-1].get("seconds", 0.0)

    def go(self) -> FitResult:
        self._place(int(self.state.step))
        self.callbacks.call("setup", self.context)
        try:
            with interruption() as request:
                reason = self._loop(request)
        finally:
            self.callbacks.call("teardown", self.context)
        state = eqx.tree_at(lambda s: s.best, self.state, self.best, is_leaf=lambda x: x is None)
        model = (
            self.best.model if self.best is not None and bool(jnp.isfinite(self.best.loss)) else state.model
        )
        return FitResult(model, state, self.context.history, reason)

    def _loop(self, request) -> str:
        stretch, saved, started = 1, time.monotonic(), time.monotonic() - self.context.seconds
        while (step := int(self.state.step)) < self.total:
            self.callbacks.call("on_fit_task_begin", self.context)
            boundary = min(self.total, (step // self.every + 1) * self.every)
            num_steps = min(stretch, boundary - step)
            clock = time.monotonic()
            state = eqx.tree_at(lambda s: s.best, self.state, None, is_leaf=lambda x: x is None)
            self.state = _advance(
                (self.recipe, self.data), state, jnp.int32(num_steps), jnp.int32(self.total)
            )
            bad_steps = int(self.state.bad_steps)
            now = time.monotonic()
            # at most doubled, so that the call that compiles does not pass for a slow step for long
            stretch = max(1, min(2 * stretch, int(_STRETCH_SECONDS * num_steps / max(now - clock, 1e-6))))
            self.context.seconds = now - started
            self._place(step + num_steps)
            if bad_steps >= _BAD_STEPS:
                self._give_up()
            report = self._report() if step + num_steps == boundary else None
            stop = self.callbacks.call("on_fit_task_end", self.context, metadata=report)
            early = report is not None and self._stale()
            if request.signal is not None:
                self._save()
                raise InterruptedRunError(step + num_steps, request.signal.name)
            if (
                stop
                or early
                or step + num_steps == self.total
                or now - saved > self.trainer.checkpoint_seconds
            ):
                self._save()
                saved = time.monotonic()
            if stop or early:
                return "callback" if stop else "early stopping"
        return "finished"

    def _place(self, step):
        n = num_rows(self.data)
        batch_size = self.recipe.batch_size
        self.context.step = step
        self.context.epoch = step / max(1, n // batch_size) if batch_size else float(step)

    def _report(self) -> dict[str, Any]:
        count = max(int(self.state.count), 1)
        line = {
            "step": self.context.step,
            "epoch": self.context.epoch,
            "train": {name: float(value) / count for name, value in self.state.sums.items()},
        }
        zeros = jax.tree.map(jnp.zeros_like, (self.state.sums, self.state.count))
        self.state = eqx.tree_at(lambda s: (s.sums, s.count), self.state, zeros)
        if self.valid is not None:
            terms = mean_terms(self.recipe, self.state.model, self.valid, self.valid_key)
            line["valid"] = {name: float(value) for name, value in terms.items()}
            if line["valid"]["loss"] < float(self.best.loss):
                self.best = Best(terms["loss"], jnp.copy(self.state.step), copied(self.state.model))
        line["seconds"] = round(self.context.seconds, 3)
        self.context.history.append(line)
        if self.run is not None:
            self.run.append_metrics(line)
        return line

    def _stale(self) -> bool:
        patience = self.trainer.patience
        if patience is None or self.best is None:
            return False
        return self.context.step - int(self.best.step) >= patience * self.every

    def _save(self):
        if self.run is None or self.saved_step == self.context.step:
            return
        state = eqx.tree_at(lambda s: s.best, self.state, self.best, is_leaf=lambda x: x is None)
        self.run.save_state(self.context.step, named_arrays(state))
        self.saved_step = self.context.step

    def _give_up(self):
        step, total = self.context.step, jnp.int32(self.total)
        _, terms = eqx.filter_jit(loss_and_terms)(
            self.recipe, self.state.model, self.data, self.state.key, self.state.step, total
        )
        bad = [name for name, value in terms.items() if name != "loss" and not bool(jnp.isfinite(value))]
        if bad:
            cause = f"the terms {', '.join(bad)} are not finite: look for values in the data that the likelihood cannot give"
        elif not bool(jnp.isfinite(terms["loss"])):
            cause = "the loss overflowed though its terms did not: lower its weights"
        else:
            cause = "the gradient overflowed: lower the learning rate or scale the data"
        kept = (
            f"the state of step {self.saved_step} is kept"
            if self.run is not None and self.saved_step
            else "no state was saved"
        )
        raise NonFiniteError(step, f"{cause} ({_BAD_STEPS} steps in a row were skipped; {kept})")
