"""A clock that moves when it is told to."""

import time


class Clock:
    """Seconds since 1970, from the real time on."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
