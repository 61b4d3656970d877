"""The command line: it parses, prints and sets exit codes; the work is done by the layers below."""

from latlas.cli._main import main as main
