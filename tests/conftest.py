"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says more of the machine than of the code; on CI it is so already.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")
