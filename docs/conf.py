"""How the documentation is built; `make docs` treats every warning as an error."""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

project = "latlas"
author = "the latlas developers"
copyright = "the latlas developers"
version = release = "0.1.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# formulas are MathML, made when the pages are: they show without a network, and without a script
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "latlas"
html_copy_source = False
# `code` in single back-quotes, as in Markdown
default_role = "literal"

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_class_signature = "mixed"
autoclass_content = "both"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
napoleon_use_rtype = False

_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_MATH = re.compile(r"\$([^$]+)\$")


def _markdown_to_rst(app, what, name, obj, options, lines):
    """Docstrings are read by people in editors first: `$...$` is mathematics, and a bare `|` or `*` is itself."""
    if what == "data":  # the docstring of its type; the page says what it is
        lines.clear()
    text = "\n".join(lines)
    text = _MATH.sub(lambda m: ":math:`" + " ".join(m[1].split()) + "`", text)
    parts = _CODE.split(text)
    parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def _skip(app, what, name, obj, skip, options):
    """Methods that scikit-learn makes, with references into its own documentation."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def _mathml(*, as_block):
    """A visitor that writes a formula as MathML; one that cannot be written stops the build."""

    def visit(writer, node):
        formula = node.astext().replace(r"\dots", r"\ldots")
        written = tex2mathml(formula, as_block=as_block)
        writer.body.append(f'<div class="math">{written}</div>' if as_block else written)
        raise nodes.SkipNode

    return visit, None


def setup(app):
    app.add_html_math_renderer("mathml", _mathml(as_block=False), _mathml(as_block=True))
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _markdown_to_rst, priority=100)
