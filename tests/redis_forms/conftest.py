"""Groups of Redis processes, of which some are killed."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def dropped_connections() -> Iterator[None]:
    """Collect what redis-py leaves unclosed of nodes that have died, which would fail whatever test comes next."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
