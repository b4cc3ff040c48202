"""The CPU time of what a test does, without that of the garbage that others have left."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class CpuTime:
    """Seconds of CPU of this thread. Lifetime: its block, after which `seconds` is set."""

    seconds: float = 0.0


@contextmanager
def cpu_time() -> Iterator[CpuTime]:
    """Measure the block.

    A full collection walks all objects of all tests before, which has taken longer than the bounds of those that
    measure; so there is none in the block.
    """
    measured = CpuTime()
    gc.disable()
    began = time.thread_time()
    try:
        yield measured
    finally:
        measured.seconds = time.thread_time() - began
        gc.enable()
