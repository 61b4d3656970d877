"""MLflow metrics of a run: `latlas[mlflow]`, which brings mlflow-skinny."""

import math
from typing import Any

import mlflow

from latlas.training._callbacks import FitContext, scalars


class MLflow:
    """A callback that logs each report's terms as `train/elbo`, `valid/elbo` and so on, in a run of its own.

    Attributes:
        arguments: of `mlflow.start_run`, for example `run_name`, or `run_id` to go on with a run.
    """

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def setup(self, estimator: Any, context: FitContext) -> None:
        """Starts the run."""
        self._run_id = mlflow.start_run(**self.arguments).info.run_id

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None = None
    ) -> None:
        """Logs the report, where one was due."""
        report = metadata or {}
        if terms := {name: value for name, value in scalars(report).items() if math.isfinite(value)}:
            mlflow.log_metrics(terms, step=report["step"], run_id=self._run_id)

    def teardown(self, estimator: Any, context: FitContext) -> None:
        """Ends the run."""
        mlflow.end_run()
