"""Contenders that run in the environment of latlas itself, each a child process of a race."""
