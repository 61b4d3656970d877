"""How the documentation is built; `make docs` treats every warning as an error."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

project = "latlas"
author = "the latlas developers"
copyright = "the latlas developers"
version = release = "0.1.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
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


def setup(app):
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _markdown_to_rst, priority=100)
