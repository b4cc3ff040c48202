"""An event loop whose time passes only while nothing is left to do: minutes take as long as their work."""

import asyncio
import selectors


class _SkippingSelector(selectors.DefaultSelector):
    """Looks for events without waiting, and lets time pass instead; lifetime of its loop."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("Everything in the simulation waits for something that nothing will do.")
        if not events and timeout is not None:
            self.now += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time; lifetime of one simulation. Nothing in it may wait for a socket or a thread."""

    def __init__(self) -> None:
        self._virtual = _SkippingSelector()
        super().__init__(self._virtual)
        # So fine that the order of events is that of their times.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual.now
