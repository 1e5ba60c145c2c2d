"""How large the tests are: `make test` runs the normal sizes, `make test-long` the long ones."""

from __future__ import annotations

import os

LONG = os.environ.get("TEST_PROFILE") == "long"


def scale(normal: int, long: int) -> int:
    """The size of a test: *normal* in `make test`, *long* in `make test-long`."""
    return long if LONG else normal
