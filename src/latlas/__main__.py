"""`python -m latlas` is `latlas`."""

from latlas.cli import main

if __name__ == "__main__":
    main()
