"""What the documentation says, run: docstring examples, every Python block, the quick commands, and the build itself.

A page is one namespace in one temporary folder, from top to bottom. Python blocks and the `$ latlas` lines of console blocks
run; a `text` block that follows one directly is what that block prints, and a Python block that prints has one. Numbers may
differ in their last digits between machines, words may not.
"""

import ast
import contextlib
import doctest
import importlib
import io
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

from latlas.cli import main

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "latlas"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")], key=lambda p: p.as_posix()
)
# pages that train or fit for seconds; the README and the page on Bayesian models do, too, and are what everybody reads first
SLOW = (
    "docs/quickstart.md",
    *(f"docs/ideas/{name}.md" for name in ("cli", "estimators", "evaluation", "models")),
    *(
        page.relative_to(ROOT).as_posix()
        for page in (ROOT / "docs" / "guides").glob("bayes_*.md")
        if page.stem != "bayes_targets"
    ),
    *(
        f"docs/guides/{name}.md"
        for name in (
            "constraints",
            "cure",
            "diagnosis",
            "disentanglement",
            "evidence",
            "inference_gap",
            "rate_distortion",
        )
    ),
)
BLOCK_OF_TOC = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
RELATIVE, ABSOLUTE = 0.05, 0.011


def same_text(got, want):
    """Equal words, and numbers equal to five per cent; `...` in `want` stands for anything."""
    pattern = ".*?".join(re.escape(" ".join(NUMBER.sub("#", part).split())) for part in want.split("..."))
    if not re.fullmatch(pattern, " ".join(NUMBER.sub("#", got).split()), re.DOTALL):
        return False
    if "..." in want:
        return True
    pairs = zip(map(float, NUMBER.findall(got)), map(float, NUMBER.findall(want)), strict=True)
    return all(abs(a - b) <= max(ABSOLUTE, RELATIVE * abs(b)) for a, b in pairs)


class Checker(doctest.OutputChecker):
    def check_output(self, want, got, optionflags):
        return same_text(got, want)


def doctest_modules():
    for path in sorted(SOURCE.rglob("*.py")):
        if ">>> " in path.read_text():
            yield ".".join(("latlas", *path.relative_to(SOURCE).with_suffix("").parts))


def blocks_of(page):
    """(line, language, code, the text block that follows directly or `None`)."""
    text = page.read_text()
    found = list(BLOCK.finditer(text))
    for block, after in itertools.zip_longest(found, found[1:]):
        follows = after is not None and after[1] == "text" and not text[block.end() : after.start()].strip()
        yield text[: block.start()].count("\n") + 1, block[1], block[2], after[2] if follows else None


def run_python(code, page, line, namespace):
    """Runs a block and returns what it printed."""
    tree = ast.parse(code, filename=str(page))
    ast.increment_lineno(tree, line)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, str(page), "exec"), namespace)
    return printed.getvalue()


def run_commands(code):
    """Runs the `$ latlas ...` lines of a console block in this process and returns what they print."""
    printed = io.StringIO()
    for command in re.findall(r"^\$ latlas (.*)$", code, re.MULTILINE):
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
            main(shlex.split(command))
        assert end.value.code in (0, None), f"`latlas {command}` ended with {end.value.code}"
    return printed.getvalue()


@pytest.mark.parametrize("module", tuple(doctest_modules()))
def test_docstring_examples_run(module):
    # a fresh namespace holds what the module holds, and nothing that an example of another one left
    module = importlib.import_module(module)
    finder, runner, log = (
        doctest.DocTestFinder(),
        doctest.DocTestRunner(Checker(), verbose=False),
        io.StringIO(),
    )
    for test in finder.find(module, globs=dict(vars(module))):
        runner.run(test, out=log.write)
    assert runner.tries > 0
    assert runner.failures == 0, log.getvalue()


def pages():
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        marks = [pytest.mark.slow, pytest.mark.timeout(900)] if name in SLOW else []
        marks += [pytest.mark.optimised] if name == "README.md" else []
        yield pytest.param(page, id=name, marks=marks)


@pytest.mark.parametrize("page", tuple(pages()))
def test_code_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "LATLAS_CACHE", ""
    )  # the user's cache of compiled programs is none of a test's business
    namespace = {"__name__": "__main__"}
    for line, language, code, expected in blocks_of(page):
        if language not in ("python", "console"):
            continue
        printed = run_python(code, page, line, namespace) if language == "python" else run_commands(code)
        if expected is None:
            assert language == "console" or not printed, f"{page}:{line} shows nothing of\n{printed}"
        else:
            assert same_text(printed, expected), f"{page}:{line} prints\n{printed}\nand not\n{expected}"


@pytest.mark.slow
def test_documentation_builds_without_a_warning(tmp_path):
    # in a child process, as `make docs` does it: a build leaves modules and handlers behind
    options = ["-W", "--keep-going", "-q", "-b", "html", "-d", str(tmp_path / "doctrees")]
    child = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, "docs", str(tmp_path / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-4000:]
    html = tmp_path / "html"
    pages = {path.relative_to(html).as_posix(): path.read_text() for path in html.rglob("*.html")}
    # formulas are part of the pages: neither raw TeX nor a script from elsewhere
    assert "<math" in pages["index.html"]
    for name, page in pages.items():
        assert not re.search(r'<script[^>]*src="http|\\mathrm|\\frac', page), name


def formulas():
    """(page, formula, whether it stands alone) of the Markdown pages."""
    for page in PAGES:
        prose = re.sub(r"`[^`\n]*`", "", BLOCK.sub("", page.read_text()))
        for alone, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", prose, re.DOTALL):
            yield page.name, alone or inline, bool(alone)


def test_every_formula_is_written_as_mathml():
    found = list(formulas())
    assert len(found) > 200
    for page, formula, alone in found:
        try:
            tex2mathml(formula.replace(r"\dots", r"\ldots"), as_block=alone)
        except MathError as error:
            pytest.fail(f"{page}: {formula}: {error}")


def test_every_guide_stands_in_one_group():
    guides = ROOT / "docs" / "guides"
    listed = re.findall(
        r"^(\w+)$", "".join(BLOCK_OF_TOC.findall((guides / "index.md").read_text())), re.MULTILINE
    )
    assert sorted(listed) == sorted(path.stem for path in guides.glob("*.md") if path.stem != "index")


@pytest.mark.parametrize(("word", "entry"), [("nats", "nat"), ("Pareto k", "pareto-k"), ("R-hat", "r-hat")])
def test_a_guide_that_uses_a_word_of_the_glossary_leads_there(word, entry):
    assert f"## {entry.replace('-', ' ').lower()}" in (
        ROOT / "docs" / "glossary.md"
    ).read_text().lower().replace("r-hat", "r hat")
    for page in (ROOT / "docs" / "guides").glob("*.md"):
        prose = "\n".join(
            line for line in BLOCK.sub("", page.read_text()).splitlines() if not line.startswith(("#", "|"))
        )
        prose = re.sub(r"`[^`]*`|\*\*[^*]*\*\*", "", prose)
        if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", prose):
            assert f"](../glossary.md#{entry})" in page.read_text(), page.name


def test_every_example_is_on_the_examples_page():
    page = (ROOT / "docs" / "examples.md").read_text()
    examples = {path.name for path in (ROOT / "examples").glob("*.py")} - {"__init__.py"}
    assert examples == set(re.findall(r"literalinclude:: \.\./examples/(\w+\.py)", page)) | set(
        re.findall(r"```\{literalinclude\} \.\./examples/(\w+\.py)", page)
    )


@pytest.mark.parametrize(
    ("got", "want", "same"),
    [
        ("elbo -3.21", "elbo -3.22", True),
        ("elbo -3.21", "elbo -4.22", False),
        ("elbo -3.21", "bound -3.21", False),
        ("a\n  b", "a b", True),
        ("written to /tmp/x in 3 s", "written to ... in 4 s", True),
        ("three 1 2", "three 1", False),
    ],
)
def test_printed_text_is_compared_by_words_and_rough_numbers(got, want, same):
    assert same_text(got, want) is same
