"""`python -m latlas` is `latlas`."""

import signal

# Ctrl-C while Python still imports: the end, at once and without a traceback; `main` then listens for it
signal.signal(signal.SIGINT, signal.SIG_DFL)

from latlas.cli import main  # noqa: E402 - what it imports takes longer than the line above

if __name__ == "__main__":
    main()
