"""One line per report, for `verbose=True`."""

import sys
from typing import Any

from latlas.training import FitContext


class Lines:
    """Prints epoch and ELBO to standard error at every report."""

    def on_fit_task_end(
        self, estimator: Any, context: FitContext, *, metadata: dict[str, Any] | None
    ) -> None:
        """Prints the report where one was due."""
        if metadata is None:
            return
        parts = [f"epoch {metadata['epoch']:g}"]
        parts += [
            f"{name} elbo {metadata[name]['elbo']:.2f}" for name in ("train", "valid") if name in metadata
        ]
        print(", ".join(parts), file=sys.stderr)
