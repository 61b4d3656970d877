"""`python -m latlas` is `latlas`."""

from latlas.cli import main

main()
