"""Work in a process that was forked from this one, which has used JAX."""

import os
import signal
import warnings

SECONDS = 20  # a computation in such a process never ends


def in_fork(work):
    """What a forked process says of this work: the name of its error, "" where it ended, "hangs" where it did not."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX and Python warn of such forks as well
        child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        try:
            work()
            said = b""
        except BaseException as error:
            said = type(error).__name__.encode()
        os.write(write, said)
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read, "rb") as file:
        return "hangs" if os.WIFSIGNALED(status) else file.read().decode()
