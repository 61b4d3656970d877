"""The architecture, read from the source and from nobody's memory.

Imports point down the layers, files are short, modules are abstract or final, nothing in the package can execute what a
file says, and what is slow to import waits until it is used.
"""

import ast
import collections
import functools
import importlib
import pkgutil
import statistics
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import equinox as eqx
import pytest

import latlas

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "latlas"
LAYERS = (  # top first; a folder may import those of every row below its own
    ("cli", "explorer"),
    ("estimators",),
    ("report",),
    ("latent",),
    ("evaluation",),
    ("bayes", "objectives"),
    ("sampling", "models"),
    ("networks", "distributions", "data", "training", "stats"),
    ("core",),
    ("_lazy",),  # a file of the top package, which imports nothing of latlas
)
RANK = {folder: rank for rank, row in enumerate(LAYERS) for folder in row}
MAX_LINES = 400
MAX_MODULES = 20  # of one folder; more of them need rooms
MAX_FAMILY = 3  # modules of a folder whose names begin with the same word; more of them are a room
MAX_ARGUMENTS = 8  # of a constructor; more mean a missing object
SKLEARN_FORM = {"Atlas", "BetaPath"}  # scikit-learn wants every option of an estimator by name
EXTRAS = {"mlflow", "tensorboardX"}  # optional dependencies, each imported by one file of its own
# what reads a file by running it, or runs text
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "__import__", "torch.load", "jnp.load"}


def _name(path):
    parts = ("latlas", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def sources():
    """Module name -> (path, syntax tree)."""
    return {_name(path): (path, ast.parse(path.read_text())) for path in sorted(SOURCE.rglob("*.py"))}


def folder(module):
    """`latlas.models._vae` -> `models`; the top package itself has none."""
    return (*module.split("."), "")[1]


def room(module):
    """`latlas.bayes.engines._advi` -> `bayes.engines`; a module that stands in no room is its own."""
    path, _ = sources()[module]
    inside = path.relative_to(SOURCE).parent.parts
    return ".".join(inside) if len(inside) > 1 else module.removeprefix("latlas.")


def packages():
    """Every folder that holds Python files: the folders of the layers and their rooms."""
    return sorted({path.parent for path, _ in sources().values()} - {SOURCE})


@functools.cache
def nodes(tree):
    """All nodes of a syntax tree, walked once for all tests."""
    return tuple(ast.walk(tree))


def call_name(node):
    """`np.load` of the call `np.load(...)`."""
    parts, node = [], node.func if isinstance(node, ast.Call) else None
    while isinstance(node, ast.Attribute):
        parts, node = [node.attr, *parts], node.value
    return ".".join([node.id, *parts]) if isinstance(node, ast.Name) else ""


@functools.cache
def imports_of(name):
    """(node, imported module) for each import of a module, `lazy_loader.load("...")` among them."""
    return tuple(_imports_of(name))


def _imports_of(name):
    path, tree = sources()[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            anchor = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            stem = ".".join([*anchor, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{stem}.{alias.name}"
                yield node, full if full in sources() else stem
        elif call_name(node) in {"lazy_loader.load", "lazy.load", "importlib.import_module"}:
            argument = node.args[0] if node.args else None
            assert isinstance(argument, ast.Constant), (
                f"{path}:{node.lineno}: name what is loaded in plain text"
            )
            yield node, argument.value


def inside_functions(tree):
    functions = (n for n in nodes(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
    return {id(node) for function in functions for node in ast.walk(function)}


def findings(check):
    """All complaints of `check(path, tree)` over the package, as one text."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path, tree in sources().values()
        for line, text in check(path, tree)
    ]
    return "\n".join(wrong)


@functools.cache
def module_classes():
    """Every `eqx.Module` of the package."""
    for info in pkgutil.walk_packages([str(SOURCE)], "latlas."):
        if info.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(info.name)
        except ModuleNotFoundError as error:
            if error.name not in EXTRAS:
                raise
    found, todo = [], [eqx.Module]
    while todo:
        for cls in todo.pop().__subclasses__():
            if cls.__module__.split(".")[0] == "latlas" and cls not in found:
                found.append(cls)
            todo.append(cls)
    return tuple(sorted(found, key=lambda cls: cls.__qualname__))


def is_abstract(cls):
    return bool(cls.__abstractmethods__) or cls.__name__.lstrip("_").startswith("Abstract")


def test_the_tested_package_is_the_one_in_this_checkout():
    assert Path(latlas.__file__).parent == SOURCE


def test_every_folder_has_its_layer():
    assert {path.parent.name for path in SOURCE.glob("*/__init__.py")} <= set(RANK)


def test_every_room_says_what_it_is():
    assert [str(place) for place in packages() if not (place / "__init__.py").is_file()] == []


def test_rooms_of_a_folder_import_one_way():
    # faces only gather names, so they know all rooms; what is inside a room may not come back to it through another
    graph = {}
    for name, (path, _) in sources().items():
        if path.name != "__init__.py":
            known = (target for _, target in imports_of(name) if target in sources())
            inner = {room(target) for target in known if folder(target) == folder(name)}
            graph.setdefault(room(name), set()).update(inner - {room(name)})
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_imports_point_downwards():
    wrong = [
        f"{name}: line {node.lineno} imports {target}; {folder(target)} is not below {folder(name)}"
        for name in sources()
        for node, target in imports_of(name)
        if target.split(".")[0] == "latlas"
        and folder(name) != folder(target)
        and RANK.get(folder(target), -1) <= RANK.get(folder(name), -1)
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_imported_inside_a_function():
    def check(path, tree):
        inside = inside_functions(tree)
        for node in nodes(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) in inside:
                yield node.lineno, ast.unparse(node)

    assert not (wrong := findings(check)), wrong


def test_no_module_imports_itself_through_others():
    graph = {
        name: {target for _, target in imports_of(name) if target in sources() and target != name}
        for name in sources()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_import_is_hidden_behind_type_checking():
    def check(path, tree):
        for node in nodes(tree):
            if "TYPE_CHECKING" in (getattr(node, "id", ""), getattr(node, "attr", "")):
                yield node.lineno, "TYPE_CHECKING hides an import from the layers"

    assert not (wrong := findings(check)), wrong


def test_init_files_only_re_export():
    def is_allowed(node, path):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        export = isinstance(node, ast.ImportFrom) and all(a.asname == a.name for a in node.names)
        # with a stub beside it, its names are attached when they are first used
        lazy = path.with_suffix(".pyi").is_file() and "attach_stub" in ast.unparse(node)
        return docstring or export or lazy

    def check(path, tree):
        if path.name == "__init__.py":
            if not ast.get_docstring(tree):
                yield 1, "say in a paragraph what the folder is"
            for node in tree.body:
                if not is_allowed(node, path):
                    yield node.lineno, f"{ast.unparse(node)!r} is neither a docstring nor `X as X`"

    assert not (wrong := findings(check)), wrong


def test_files_stay_short():
    def check(path, tree):
        lines = path.read_text().count("\n")
        if lines > MAX_LINES:
            yield lines, f"past {MAX_LINES} lines; split it by concept"

    assert not (wrong := findings(check)), wrong


def modules_of(place):
    return sorted(path.stem for path in place.glob("*.py") if path.name != "__init__.py")


def test_a_full_folder_has_rooms():
    crowded = {str(place.relative_to(SOURCE)): len(modules_of(place)) for place in packages()}
    assert not {name: count for name, count in crowded.items() if count > MAX_MODULES}


def test_no_folder_tells_its_modules_apart_by_prefixes():
    wrong = []
    for place in packages():
        families = collections.Counter(name.lstrip("_").split("_")[0] for name in modules_of(place))
        wrong += [
            f"{place.name}: {n} modules begin with {word}" for word, n in families.items() if n > MAX_FAMILY
        ]
    assert not wrong, "\n".join(wrong)


def _length(node):
    """Lines of a function without its docstring."""
    first = node.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0
    return node.end_lineno - node.lineno + 1 - docstring


def test_functions_fit_a_screen():
    lengths = sorted(
        _length(node)
        for _, tree in sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[int(0.9 * len(lengths))] <= 25


def test_files_hold_one_concept():
    lengths = [path.read_text().count("\n") for path, _ in sources().values() if path.name != "__init__.py"]
    assert 100 <= statistics.median(lengths) <= 200


def _num_arguments(node):
    """Of `__init__`, else the annotated fields of a dataclass or module; class variables do not count."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return len(member.args.args) - 1 + len(member.args.kwonlyargs)
    fields = [ast.unparse(m.annotation) for m in node.body if isinstance(m, ast.AnnAssign)]
    return len([f for f in fields if "ClassVar" not in f and "AbstractVar" not in f])


def test_constructors_take_few_arguments():
    def check(path, tree):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name not in SKLEARN_FORM:
                if (count := _num_arguments(node)) > MAX_ARGUMENTS:
                    yield node.lineno, f"{node.name} takes {count} arguments; an object is missing"

    assert not (wrong := findings(check)), wrong


def test_nothing_executes_what_a_file_says():
    def check(path, tree):
        for node in nodes(tree):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                if module.split(".")[0] in FORBIDDEN_MODULES:
                    yield node.lineno, f"imports {module}"
            if call_name(node) in FORBIDDEN_CALLS:
                yield node.lineno, f"calls {call_name(node)}"
            keywords = node.keywords if isinstance(node, ast.Call) else []
            for keyword in keywords:
                if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False":
                    yield node.lineno, ast.unparse(node)
            if call_name(node) in {"np.load", "numpy.load"} and "allow_pickle" not in {
                k.arg for k in keywords
            }:
                yield node.lineno, "say allow_pickle=False"

    assert not (wrong := findings(check)), wrong


def test_only_the_report_imports_matplotlib():
    wrong = [
        f"{name}: line {node.lineno}"
        for name in sources()
        for node, target in imports_of(name)
        if target.split(".")[0] == "matplotlib" and folder(name) != "report"
    ]
    assert not wrong, "\n".join(wrong)


def test_modules_are_abstract_or_final():
    wrong = [
        f"{cls.__qualname__} inherits from {base.__qualname__}, which is final"
        for cls in module_classes()
        for base in cls.__bases__
        if base in module_classes() and not is_abstract(base)
    ]
    assert not wrong, "\n".join(wrong)


def test_abstract_modules_say_so_in_their_names():
    wrong = [
        cls.__qualname__
        for cls in module_classes()
        if cls.__abstractmethods__ and not cls.__name__.lstrip("_").startswith("Abstract")
    ]
    assert not wrong, f"these have abstract methods (perhaps one was not implemented): {wrong}"


def test_no_implemented_method_is_overridden():
    wrong = [
        f"{cls.__qualname__}.{name} overrides {base.__qualname__}.{name}"
        for cls in module_classes()
        for base in cls.__mro__[1:]
        if base in module_classes()
        for name, method in vars(base).items()
        if callable(method) and not name.startswith("__") and name not in base.__abstractmethods__
        if name in vars(cls)
    ]
    assert not wrong, "\n".join(wrong)


def _printed(code):
    child = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, sys.argv[1])\n{code}", str(ROOT / "src")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return child.stdout.strip()


def test_importing_latlas_waits_for_neither_jax_nor_matplotlib():
    slow = {"jax", "equinox", "numpyro", "sklearn", "matplotlib"}
    assert _printed(f"import latlas; print(sorted({slow} & set(sys.modules)))") == "[]"


def test_a_command_imports_little_before_it_listens_for_ctrl_c():
    code = "import sys, latlas; print(sorted({'ast', 'enum', 're', 'typing'} & set(sys.modules)))"
    names = (
        "print('Atlas' in dir(latlas), hasattr(latlas, 'none')); from latlas import *; print(load.__name__)"
    )
    # without what the site of this interpreter imports
    code = f"for name in ('ast', 'enum', 're', 'typing'): sys.modules.pop(name, None)\n{code}\n{names}"
    assert _printed(f"import sys\n{code}") == "[]\nTrue False\nload"


def test_an_atlas_waits_for_neither_matplotlib_nor_bayes_nor_a_device():
    # lazy modules stand there before they are read, their own parts do not
    slow = {"matplotlib", "latlas.bayes", "blackjax", "optax.contrib", "rich.live", "sklearn.datasets"}
    code = f"import latlas; latlas.Atlas; print(sorted({slow} & set(sys.modules)))"
    assert _printed(code + "\nfrom jax._src import xla_bridge; print(xla_bridge._backends)") == "[]\n{}"


def test_a_lazy_import_leaves_the_garbage_collector_as_it_was():
    code = "import gc, latlas; latlas.Atlas; on = gc.isenabled(); gc.disable(); latlas.bayes.fit; print(on, gc.isenabled())"
    assert _printed(code) == "True False"


def _tracked_files():
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("this tree is not a git checkout, so nothing is tracked")
    return [name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_package_registry():
    # put together here, so that this file does not name them either
    hosts = [
        f"{name}.{end}".encode()
        for name, end in (("pypi", "org"), ("pythonhosted", "org"), ("anaconda", "org"))
    ]
    hosts += [b"--index" + b"-url", b"--extra-index" + b"-url"]
    allowed = {"Makefile"}  # `--no-emit-index-url` keeps them out
    wrong = [
        f"{name}: {host.decode()}"
        for name in _tracked_files()
        for host in hosts
        if host in (ROOT / name).read_bytes() and name not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_the_lock_is_constraints_txt_and_nothing_else():
    assert not [
        name for name in _tracked_files() if Path(name).name in {"uv.lock", "poetry.lock", "pdm.lock"}
    ]
    assert "--hash=sha256:" in (ROOT / "constraints.txt").read_text()
