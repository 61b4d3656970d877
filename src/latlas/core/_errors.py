"""The errors that latlas raises on purpose: a wrong request, or work that failed.

The command line turns a `RequestError` into exit code 2 and a `WorkError` into exit code 1 (an `InterruptedRunError` into
128 + the number of its signal), and prints the message alone; so each message says what was got, what was expected and
what to do.
"""


class LatlasError(Exception):
    """Any error that latlas raises on purpose; its message is meant for the user."""


class RequestError(LatlasError, ValueError):
    """The request was wrong, and nothing was done: ask differently (exit code 2)."""


class WorkError(LatlasError, RuntimeError):
    """The request was right, but the work failed (exit code 1)."""


class DataError(RequestError):
    """The data cannot be used as they are: a hole, a wrong shape, a file of another kind."""


class RunExistsError(RequestError):
    """The folder asked for holds something already, and nothing in it was touched."""


class RunInUseError(RequestError):
    """Another process is writing to this run directory."""


class CorruptFileError(WorkError):
    """A file is damaged, or not what its name says; the message names it and nothing of it was used."""


class InterruptedRunError(WorkError):
    """A run was asked to stop, and stopped in a state from which it can go on.

    Attributes:
        step: the last finished step, whose state is saved.
        cause: what asked for it, such as "SIGTERM".
    """

    def __init__(self, step: int, cause: str):
        super().__init__(
            step, cause
        )  # both as arguments, so that the error survives the way from a worker process
        self.step, self.cause = step, cause

    def __str__(self) -> str:
        return (
            f"The run stopped after step {self.step} ({self.cause}); its state is saved, resume it to go on."
        )


class NonFiniteError(WorkError):
    """A loss or a gradient was not finite, and the run stopped; of its states the last checkpoint is kept, if any.

    Attributes:
        step: the step at which it happened.
        cause: the likely cause and its cure, as a sentence without the full stop.
    """

    def __init__(self, step: int, cause: str):
        super().__init__(step, cause)
        self.step, self.cause = step, cause

    def __str__(self) -> str:
        return f"The loss or its gradient was not finite at step {self.step}: {self.cause}."


class DivergedError(WorkError):
    """A fit ended in finite numbers, and far below where it began."""
