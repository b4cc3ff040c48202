"""Chance that repeats: everything that the logistics sandbox makes up follows from a seed."""

import random
import uuid
from typing import Any


def seeded_random(*parts: Any) -> random.Random:  # noqa: ANN401 - anything with a stable str
    """A source of chance that always yields the same for the same parts."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - made-up data, guards nothing


def seeded_uuid(*parts: Any) -> str:  # noqa: ANN401 - anything with a stable str
    """A version 4 UUID that is always the same for the same parts."""
    return str(uuid.UUID(int=seeded_random(*parts).getrandbits(128), version=4))
