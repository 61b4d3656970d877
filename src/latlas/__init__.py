"""latlas: a generative map of scientific data, with evidence you can trust.

Its names are attached when they are first used, so that importing it is fast and waits for no JAX.
"""

from latlas._lazy import attach_stub

__getattr__, __dir__ = attach_stub(__name__, __file__)
