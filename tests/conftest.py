"""How hypothesis draws its examples: the same ones every time, and no test fails because the machine is busy."""

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")
