"""What every test shares."""

from hypothesis import settings

# How long an example takes depends on what else the machine does: timed checks are benchmarks, not tests.
settings.register_profile("mailwren", deadline=None)
settings.load_profile("mailwren")
