"""The entry point: arguments to a verb, and every way of ending to its exit code.

0 done, 1 the work failed, 2 the request was wrong, 128 + n ended by signal n.
"""

import gc
import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from latlas.cli._app import app
from latlas.cli._config import ConfigError, configure


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits the process.

    Args:
        arguments: what stands after the program's name; by default the process's own.
    """
    # tracing makes many objects that stay: looking through them at Python's usual pace is 7 % of a short fit
    gc.set_threshold(50_000, 20, 50)
    # XLA reports on standard error every program that it takes from the compilation cache; it reads this when it is loaded
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        tokens = configure(app, tokens)
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, ConfigError) as error:
        print(f"latlas: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text if text.endswith(('.', '?')) else text + '.'} See `latlas --help` or `latlas VERB --help`."
