"""The entry point: arguments to a verb, and every way of ending to its exit code.

0 done, 1 the work failed, 2 the request was wrong, 128 + n ended by signal n.
"""

import gc
import importlib
import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from latlas.cli._app import app
from latlas.cli._config import ConfigError, configure
from latlas.cli._ending import flushed, open_streams, sentence, show_trace, told
from latlas.cli._environment import refused
from latlas.cli._interrupt import CODE, interruptible, started, was_interrupted
from latlas.cli._places import PlaceError, check_places, check_text


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits the process.

    Args:
        arguments: what stands after the program's name; by default the process's own.
    """
    # tracing makes many objects that stay: looking through them at Python's usual pace is 7 % of a short fit
    gc.set_threshold(50_000, 20, 50)
    # XLA reports on standard error every program that it takes from the compilation cache; it reads this when it is loaded
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    open_streams()
    with interruptible(starting=True) as interrupt:
        try:
            code = _ended(list(sys.argv[1:] if arguments is None else arguments))
            lost = interrupt.asked and code == 0  # what was interrupted caught it, and went on to the end
        except KeyboardInterrupt:
            code, lost = 0, True
        interrupt.end()
        if lost:
            told("interrupted.")
            code = CODE
    sys.exit(flushed(code))


def _ended(tokens: list[str]) -> int:
    """The exit code of a command, once it ended."""
    try:
        for token in tokens:
            check_text(token)
        tokens = configure(app, tokens)
        verb, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
        name = getattr(verb, "__name__", "")
        if name in app and app[name].default_command is verb:  # else help or the version is asked for
            check_places(name, bound.arguments)
            _load()
        started()
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, ConfigError) as error:
        told(_with_hint(error))
        return 2
    except PlaceError as error:
        told(str(error))
        return 2
    except Exception as error:
        if was_interrupted():  # an import that was cut short
            raise KeyboardInterrupt from error
        show_trace()
        setting = refused(error)
        told(setting or sentence(error))
        return 2 if setting else 1
    return code if isinstance(code, int) else 0


def _load() -> None:
    """Loads what the verbs do; an import statement of a module that waits to be loaded would hide why it cannot be."""
    importlib.import_module("latlas.cli._bayes")
    importlib.import_module("latlas.cli._path")
    importlib.import_module("latlas.cli._verbs")


def _with_hint(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text if text.endswith(('.', '?')) else text + '.'} See `latlas --help` or `latlas VERB --help`."
