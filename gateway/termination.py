"""The moment at which the process is told to end."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_termination(call: Callable[[], None]) -> Iterator[None]:
    """Have something called in the event loop when the process is told to end, before the server acts on that.

    uvicorn waits for open connections before it tells the app anything, and a subscription never ends by itself.
    Whatever handles the signals already goes on to do so.

    Args:
        call: Called at the first signal, and at each after it.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals come to the main thread alone: whoever runs a server elsewhere ends it by other means.
        yield
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call)
        previous = handlers[signal.Signals(number)]
        if callable(previous):
            previous(number, frame)

    for number in _SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, previous in handlers.items():
            signal.signal(number, previous)
