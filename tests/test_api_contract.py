"""The public names, walked: documented, annotated, keys first, and on the reference pages, no more and no fewer."""

import ast
import dataclasses
import functools
import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "latlas"
REFERENCE = ROOT / "docs" / "reference"
# folders and their rooms: "bayes", "bayes.engines"
PACKAGES = tuple(
    sorted(
        ".".join(path.parent.relative_to(SOURCE).parts)
        for path in SOURCE.rglob("__init__.py")
        if path.parent != SOURCE
    )
)
DIRECTIVE = re.compile(r"^\.\. auto(?:class|function|exception|data):: ([\w.]+)$", re.MULTILINE)
# a section of a Google docstring, to the next one or the end
SECTION = r"^{}:\n((?:[ ]+.*\n|\n)+)"


def exports(package):
    """Names that the folder's `__init__.py` re-exports, or the stub of a lazy one; its rooms are not among them."""
    init = SOURCE / package.replace(".", "/") / "__init__.py"
    stub = init.with_suffix(".pyi")
    tree = ast.parse((stub if stub.is_file() else init).read_text())
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    names = [a.asname for node in froms for a in node.names]
    return [name for name in names if name and not name.startswith("__")]


@functools.cache
def public_objects():
    """Full name -> object, for each export of each folder."""
    return {
        f"latlas.{package}.{name}": getattr(importlib.import_module(f"latlas.{package}"), name)
        for package in PACKAGES
        for name in exports(package)
    }


@functools.cache
def definitions(module):
    """Name -> syntax tree of each class and function at the top of a module, parsed once."""
    tree = ast.parse(Path(inspect.getsourcefile(importlib.import_module(module))).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def definition(thing):
    """The syntax tree of a public class or function."""
    return definitions(thing.__module__)[thing.__name__]


def written_methods(cls):
    """Public methods (and `__init__`, `__call__`) that a person wrote in this class's body."""
    for node in definition(cls).body:
        if isinstance(node, ast.FunctionDef) and (
            not node.name.startswith("_") or node.name in ("__init__", "__call__")
        ):
            yield node.name, node


@functools.cache
def public_callables():
    """Full name -> syntax tree of each public function and of each method of a public class."""
    found = {}
    for name, thing in public_objects().items():
        if inspect.isclass(thing):
            for method, node in written_methods(thing):
                found[f"{name}.{method}"] = node
        elif inspect.isfunction(inspect.unwrap(thing)):
            found[name] = definition(inspect.unwrap(thing))
    return found


def decorators(node):
    return {ast.unparse(decorator) for decorator in node.decorator_list}


def arguments(node, name):
    """(positional, keyword-only) argument nodes without `self` or `cls`."""
    positional = [*node.args.posonlyargs, *node.args.args]
    is_method = inspect.isclass(public_objects().get(name.rpartition(".")[0]))
    if is_method and "staticmethod" not in decorators(node):
        positional = positional[1:]
    return positional, node.args.kwonlyargs


def defaults(node):
    """Argument name -> its default, for those that have one."""
    positional = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(reversed(positional), reversed(node.args.defaults), strict=False))
    pairs += [
        (a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None
    ]
    return {argument.arg: ast.unparse(default) for argument, default in pairs}


def section(docstring, title):
    """Names that a section of a Google docstring documents, in their order; `None` without the section."""
    found = re.search(SECTION.format(title), inspect.cleandoc(docstring or "") + "\n", re.MULTILINE)
    if not found:
        return None
    body = textwrap.dedent(found[1])
    entries = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \([^)]*\))?:", body, re.MULTILINE)
    return [name.lstrip("*") for entry in entries for name in entry.split(", ")]


def test_every_public_name_has_a_docstring():
    wrong = [
        name
        for name, thing in public_objects().items()
        if (inspect.isclass(thing) or callable(thing)) and not (inspect.getdoc(thing) or "").strip()
    ]
    wrong += [
        name
        for name, node in public_callables().items()
        if not ast.get_docstring(node) and not name.endswith("__init__")
    ]
    assert not wrong, "\n".join(wrong)


def test_every_public_argument_and_result_is_annotated():
    wrong = []
    for name, node in public_callables().items():
        positional, keyword_only = arguments(node, name)
        extra = [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
        wrong += [f"{name}: {a.arg}" for a in [*positional, *keyword_only, *extra] if a.annotation is None]
        if node.returns is None and not name.endswith("__init__"):
            wrong.append(f"{name}: its result")
    assert not wrong, "\n".join(wrong)


def test_keys_come_first_and_have_no_default():
    wrong = []
    for name, node in public_callables().items():
        positional, keyword_only = arguments(node, name)
        places = {a.arg: place for place, a in enumerate(positional)}
        for key in ("key", "keys"):
            if key in defaults(node):
                wrong.append(f"{name}: {key} has a default")
            if places.get(key, 0) != 0:
                wrong.append(f"{name}: {key} is argument {places[key] + 1}, and must be the first")
            if key in {a.arg for a in keyword_only} and not name.endswith(
                ("__init__", ".bayes.fit", ".bayes.fitting.fit")
            ):
                wrong.append(
                    f"{name}: {key} is keyword-only, which only constructors and `bayes.fit` may have"
                )
        if name.endswith("__init__") and {"key", "keys"} & set(places):
            wrong.append(f"{name}: a constructor takes its key by keyword only")
    assert not wrong, "\n".join(wrong)


def test_randomness_comes_from_keys_alone():
    # scikit-learn's own `random_state` is what its users expect, and `seed` what they type on the command line
    wrong = [
        f"{name}: {argument.arg}"
        for name, node in public_callables().items()
        for argument in (*node.args.args, *node.args.kwonlyargs)
        if argument.arg in {"rng", "rng_key", "prng", "seed"} and not name.startswith("latlas.cli.")
    ]
    assert not wrong, "\n".join(wrong)


def test_documented_arguments_are_those_of_the_signature():
    wrong = []
    for name, node in public_callables().items():
        documented = section(ast.get_docstring(node), "Args")
        if documented is None:
            continue
        positional, keyword_only = arguments(node, name)
        extra = [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
        taken = [a.arg for a in [*positional, *keyword_only, *extra]]
        if sorted(documented) != sorted(taken):
            wrong.append(f"{name}: documents {documented}, takes {taken}")
    assert not wrong, "\n".join(wrong)


def test_documented_attributes_are_the_fields():
    wrong = []
    for name, thing in public_objects().items():
        documented = section(getattr(thing, "__doc__", ""), "Attributes") if inspect.isclass(thing) else None
        if documented is None or not dataclasses.is_dataclass(thing):
            continue
        fields = [field.name for field in dataclasses.fields(thing) if not field.name.startswith("_")]
        fields += getattr(thing, "__abstractvars__", ())
        fields += getattr(thing, "__abstractclassvars__", ())
        if sorted(documented) != sorted(fields):
            wrong.append(f"{name}: documents {documented}, has {fields}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PACKAGES)
def test_exports_are_those_of_the_reference_page(package):
    documented = DIRECTIVE.findall((REFERENCE / f"{package.replace('.', '/')}.md").read_text())
    # what the face of the folder shows stands on the folder's page; the page of a room has the rest
    folder = package.rpartition(".")[0]
    face = {id(public_objects()[f"latlas.{folder}.{name}"]) for name in (exports(folder) if folder else ())}
    own = (name for name in exports(package) if id(public_objects()[f"latlas.{package}.{name}"]) not in face)
    assert sorted(documented) == sorted(f"latlas.{package}.{name}" for name in own)


def test_every_reference_page_is_of_a_folder():
    pages = {".".join(path.relative_to(REFERENCE).with_suffix("").parts) for path in REFERENCE.rglob("*.md")}
    assert pages - {"index"} == set(PACKAGES)


@pytest.mark.parametrize("package", ["bayes", "distributions", "evaluation"])
def test_names_that_moved_are_found_with_a_warning(package):
    face = importlib.import_module(f"latlas.{package}")
    moved = importlib.import_module(f"latlas.{package}._moved")
    places, renamed = moved.PLACES, getattr(moved, "RENAMED", {})
    assert places
    assert set(renamed) <= set(places)
    assert not set(places) & set(exports(package))
    for name, module in places.items():
        place, new = module.__name__, renamed.get(name, name)
        with pytest.warns(
            DeprecationWarning, match=rf"latlas\.{package}\.{name} is now {re.escape(place)}\.{new};"
        ):
            assert getattr(face, name) is getattr(module, new)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = face.no_such_name


def test_top_level_names_resolve():
    tree = ast.parse((SOURCE / "__init__.pyi").read_text())
    names = [a.asname for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names]
    latlas = importlib.import_module("latlas")
    assert [name for name in names if not hasattr(latlas, name)] == []
    folders = {package for package in PACKAGES if "." not in package}
    assert folders <= set(names), "name every folder in src/latlas/__init__.pyi"


def test_sections_of_a_docstring_are_found():
    text = """What it is.

        Args:
            key: draws.
            a, b: two (of them): both.
                and more: not a name.
            *rest (int): others.

        Returns:
            value: not an argument.
        """
    assert section(text, "Args") == ["key", "a", "b", "rest"]
    assert section(text, "Raises") is None
