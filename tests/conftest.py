"""Shared by all tests: no example is judged by the time it takes, since a busy machine proves nothing."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
