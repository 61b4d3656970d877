"""Contenders that run in an environment of their own, each a child process of a race."""
