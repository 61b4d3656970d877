"""A user's model: the one file that latlas executes, and what is said when it fails."""

import ast
import difflib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from latlas.core import LatlasError, RequestError

_EXAMPLE = "such as model.py:eight_schools"


def split_name(model: str) -> tuple[Path, str]:
    """The file and the name in `FILE.py:NAME`, checked as far as that goes without executing anything.

    Raises:
        RequestError: if there is no colon, no such file, it is no Python, or nothing of that name is defined in it.
    """
    path, colon, name = model.rpartition(":")
    if not colon or not name.isidentifier():
        raise RequestError(
            f"The model is {model!r}; expected a Python file, a colon and a name in it, {_EXAMPLE}."
        )
    file = Path(path)
    if file.suffix != ".py":
        raise RequestError(f"The model file {path} does not end in .py; expected Python, {_EXAMPLE}.")
    if not file.is_file():
        raise RequestError(f"There is no model file {path}. Check the path.")
    names = _top_level(file)
    if name not in names and "*" not in names:
        functions = [known for known, is_function in names.items() if is_function]
        near = difflib.get_close_matches(name, functions, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise RequestError(
            f"{path} defines no {name!r}; its functions are {', '.join(functions) or 'none'}.{hint}"
        )
    return file, name


def load_model(path: Path, name: str) -> Any:
    """The object of that name after the file was executed.

    Its folder is at the end of Python's path meanwhile, so that it can import its neighbours.

    Raises:
        RequestError: if executing the file fails, with its line, or leaves no such name.
    """
    spec = importlib.util.spec_from_file_location(f"latlas_model_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None, "the suffix is .py"
    module = importlib.util.module_from_spec(spec)
    with blamed(path, whatever=True), _found_by_name(module, path.parent):
        spec.loader.exec_module(module)
    if not hasattr(module, name):  # a name of `import *` or of a comprehension
        raise RequestError(f"{path} was executed and gave no {name!r}. Define it at the top of the file.")
    return getattr(module, name)


@contextmanager
def blamed(path: Path, *, whatever: bool = False) -> Iterator[None]:
    """Turns what the model's own code raises into a sentence with its line; what it prints goes to standard error.

    Args:
        path: of the model.
        whatever: whether all that is raised is the model's, as while its file is executed.

    Raises:
        RequestError: instead of an error that passed through the file.
    """
    try:
        with redirect_stdout(sys.stderr):  # standard output is for results
            yield
    except LatlasError as error:
        line = _line(path, error.__cause__)
        if line is None:
            raise
        raise RequestError(f"{str(error).rstrip('.')} (in line {line} of {path}).") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the model's code raises, SystemExit and GeneratorExit among it
        line = _line(path, error)
        if line is None and not whatever:
            raise
        where = "" if line is None else f" in line {line}"
        told = " ".join(str(error).split())[:300]
        cause = type(error).__name__ + (f": {told.rstrip('.')}" if told else "")
        raise RequestError(
            f"{path} fails{where} ({cause}). Mend the model, and run the command again."
        ) from error


@contextmanager
def _found_by_name(module: ModuleType, folder: Path) -> Iterator[None]:
    sys.modules[module.__name__] = module  # dataclasses look their module up
    entry = str(folder.resolve())
    sys.path.append(entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _top_level(file: Path) -> dict[str, bool]:
    """Names that the file gives at its top, and whether each is a function; `*` where it imports any number of names."""
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        raise RequestError(
            f"{file} is no valid Python: {error.msg} in line {error.lineno}. Mend the model, and run the command again."
        ) from error
    except (OSError, ValueError) as error:
        raise RequestError(f"{file} could not be read as Python ({error}). Check the file.") from error
    names = {}
    nodes: list[ast.AST] = list(tree.body)
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] = isinstance(node, ast.FunctionDef)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name: False for alias in node.names}
        elif isinstance(node, ast.Name):
            names |= {node.id: False} if isinstance(node.ctx, ast.Store) else {}
        else:  # what stands in an `if`, a `try` or a `with`
            nodes += ast.iter_child_nodes(node)
    return names


def _line(path: Path, error: BaseException | None) -> int | None:
    """The last line of the file that the error, or what caused it, passed through."""
    found, names = None, {str(path), str(path.absolute()), str(path.resolve())}
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename in names:
            return error.lineno
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename in names:
                found = frame.lineno
        if found is not None:
            return found
        error = error.__cause__ or error.__context__
    return found
