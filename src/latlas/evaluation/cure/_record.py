"""What a cured fit writes down as it goes: looks, treatments, which attempt is kept."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from latlas.core import RunDirectory, finite_or_none
from latlas.evaluation.cure._watch import Look

# the record of a cured fit that has done nothing yet
NO_TREATMENTS: dict[str, Any] = {"treatments": [], "looks": [], "attempts": 0, "kept": None}


@dataclass(frozen=True)
class Treatment:
    """One thing that a cured fit did, when and why.

    Attributes:
        finding: name of what was found.
        measured: the number that gave it away.
        remedy: name of the remedy that was applied.
        attempt: number of the fit that it led to; 0 where it was applied before the first step.
        step: at which the run that was found sick ended or was stopped.
        why: the finding's meaning, and what the remedy does, in sentences.
        outcome: whether the treated fit was kept, and both validation ELBOs.
    """

    finding: str
    measured: float
    remedy: str
    attempt: int
    step: int
    why: str
    outcome: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON; an infinite number is `None`."""
        return asdict(self) | {"measured": finite_or_none(self.measured)}


class Record:
    """The record of a cured fit, in memory, and in `treatments.json` where there is a run directory."""

    def __init__(self, run: RunDirectory | None) -> None:
        """What an interrupted fit wrote, or nothing yet."""
        self._run = run
        stored = (None if run is None else run.read_treatments()) or {}
        self._looks = [Look.from_dict(look) for look in stored.get("looks", [])]
        self._begun = int(stored.get("attempts", 0))
        self.treatments: list[Treatment] = []

    @property
    def looks(self) -> list[Look]:
        """Of the first attempt."""
        return self._looks

    def look(self, look: Look) -> None:
        """Writes down one look at the first attempt."""
        self._looks = [*self._looks, look]
        self._write(kept=None)

    def directory(self, attempt: int) -> RunDirectory | None:
        """Where an attempt is kept: the first in the run itself, each other one in a run directory of its own."""
        if self._run is None or attempt == 0:
            return self._run
        path = _path(self._run, attempt)
        if attempt <= self._begun:
            return RunDirectory.open(path)
        # not written down, so never begun: what stands there is left from a run that was overwritten
        directory = RunDirectory.create(path, {"attempt": attempt}, overwrite=True)
        self._begun = attempt
        self._write(kept=None)
        return directory

    def finish(self, kept: int) -> None:
        """Writes down which attempt is kept."""
        self._write(kept=kept)

    def _write(self, kept: int | None) -> None:
        if self._run is not None:
            treatments = [treatment.to_dict() for treatment in self.treatments]
            looks = [look.to_dict() for look in self._looks]
            said = {"treatments": treatments, "looks": looks, "attempts": self._begun, "kept": kept}
            self._run.write_treatments(NO_TREATMENTS | said)


def kept_run(run: RunDirectory) -> RunDirectory:
    """The run directory of the attempt that a cured fit kept: the run itself, or one of those under `attempts/`.

    Args:
        run: of any fit; one without a cure has only itself.
    """
    kept = (run.read_treatments() or {}).get("kept")
    return RunDirectory.open(_path(run, kept)) if isinstance(kept, int) and kept > 0 else run


def _path(run: RunDirectory, attempt: int) -> Path:
    return run.path / "attempts" / str(int(attempt))
