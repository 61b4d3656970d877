"""TensorBoard scalars of a run: `latlas[tensorboard]`, which brings tensorboardX."""

from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from latlas.training._callbacks import FitContext, scalars


class TensorBoard:
    """A callback that writes each report's terms as `train/elbo`, `valid/elbo` and so on.

    Attributes:
        folder: the log directory.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = folder

    def setup(self, estimator: Any, context: FitContext) -> None:
        """Opens the log; what a killed run wrote past the step it resumes from is hidden."""
        self._writer = SummaryWriter(str(self.folder), purge_step=context.step + 1)

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None = None
    ) -> None:
        """Writes the report, where one was due."""
        report = metadata or {}
        for name, value in scalars(report).items():
            self._writer.add_scalar(name, value, report["step"])

    def teardown(self, estimator: Any, context: FitContext) -> None:
        """Closes the log."""
        self._writer.close()
