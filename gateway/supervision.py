"""Ends a worker process whose supervisor was killed, which would otherwise go on to serve unseen and hold the port."""

import logging
import multiprocessing
import os
import signal
import threading

logger = logging.getLogger(__name__)


def end_with_supervisor() -> None:
    """Drain and end this process once the one that started it as a worker has ended, in whichever way."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        # It waits for the end of a pipe whose other end only the supervisor has.
        threading.Thread(target=_follow, args=(supervisor,), name="supervisor", daemon=True).start()


def _follow(supervisor: "multiprocessing.process.BaseProcess") -> None:
    supervisor.join()
    logger.warning("The supervisor has ended: this worker finishes what has begun, and ends as well.")
    # As if it had been asked to by the supervisor.
    os.kill(os.getpid(), signal.SIGTERM)
