"""Random values that repeat: the same parts always give the same values, in every process."""

from random import Random
from uuid import UUID


def seeded_random(*parts: object) -> Random:
    """Return a generator seeded with the text of `parts`, such as a seed, a purpose and a number."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - made-up data, guards nothing


def seeded_uuid(*parts: object) -> str:
    """Return the version 4 UUID of these parts."""
    return random_uuid(seeded_random(*parts))


def random_uuid(random: Random) -> str:
    """Draw a version 4 UUID."""
    return str(UUID(int=random.getrandbits(128), version=4))
