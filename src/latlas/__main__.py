"""`python -m latlas` is `latlas`."""

import signal

# Ctrl-C while Python still imports: the end, at once and without a traceback; `main` then listens for it
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from latlas.cli import main

if __name__ == "__main__":
    main()
