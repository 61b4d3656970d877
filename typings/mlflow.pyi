"""What latlas uses of MLflow, an optional dependency that the development environment leaves out."""

from typing import Any

class _RunInfo:
    run_id: str

class ActiveRun:
    info: _RunInfo

def start_run(**arguments: Any) -> ActiveRun: ...
def log_metrics(metrics: dict[str, float], step: int | None = None, *, run_id: str | None = None) -> None: ...
def end_run() -> None: ...
