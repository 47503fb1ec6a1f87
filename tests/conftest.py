"""Shared by all tests: no example is judged by the time it takes, since a busy machine proves nothing."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2500, print_blob=True)
settings.load_profile("untimed")
