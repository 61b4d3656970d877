"""The streams of random numbers that one key of a run feeds, by name."""

import enum


class Stream(enum.IntEnum):
    """What a run draws from its key: `jax.random.fold_in(key, Stream.BATCHES)`.

    The numbers are part of what a seed means: a stream that is added takes the next one, and none ever changes.
    """

    BATCHES = 0  # order of the rows, and what `prepare` draws
    OBJECTIVE = 1
    STATE = 2  # the key that a training state carries, from which its batches and objective draw
    VALIDATION = 3
    CURVE = 4  # rate and distortion along a path of betas
    WIDENED_RECOGNITION = 5
    FIRST_ROWS = 6  # what `prepare` draws for rows that a remedy looks at
    JUDGE = 7  # the validation ELBO by which treated fits are compared
    SUPPORT = 8  # draws of q that are held against the prior's support
