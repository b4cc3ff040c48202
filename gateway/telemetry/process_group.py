"""The worker processes of one `gateway serve`, which ask each other for their state.

Theory of operation
-------------------
A request reaches any one of the workers, yet a scrape or a status page is about all of them. `gateway serve` makes a
private folder and names it in the environment of its workers. Each worker takes the lowest free number there, whose
lock file it keeps locked as long as it lives, and listens on a Unix socket beside it::

    0.lock 0.socket   worker 0          asks worker 1: "metrics" in a line -> the length of its state, its state
    1.lock 1.socket   worker 1          answers

The number, unlike a process id, is taken over by the worker that replaces one, so that series of metrics go on.
A socket whose lock nobody holds was left behind by a worker that was killed. A worker that does not answer in time, or
not to the end of its answer, is reported as missing and holds up nobody. The length is what shows a cut answer: a
worker that dies closes its connection as one that has answered does.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

FOLDER_VARIABLE: Final = "_GATEWAY_WORKERS_FOLDER"
"""The environment variable in which `gateway serve` names the folder to its workers; no setting of an operator."""

ANSWER_SECONDS: Final = 2.0
"""How long a worker may take to answer another."""

_LENGTH_BYTES: Final = 8
"""Of the number before an answer, in network order."""

MAX_WORKERS: Final = 1024
"""Numbers that are tried: during a restart, old and new workers are there together."""

_LOG: Final = logging.getLogger(__name__)

Answer = Callable[[], bytes]


class ProcessGroup:
    """One worker's membership in its group; process lifetime.

    Args:
        folder: Where the members meet; None for a process that is its whole group.
        answers: What this member answers, by question.
        answer_seconds: How long another member may take to answer.
    """

    def __init__(
        self, folder: Path | None, answers: Mapping[str, Answer], answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._folder = folder
        self._answer_seconds = answer_seconds
        self._answers = dict(answers)
        self._lock = -1
        self._server: asyncio.Server | None = None
        self.number = 0
        """This member's number; 0 for a process that is its whole group."""

    @property
    def has_others(self) -> bool:
        """Whether there may be other members."""
        return self._folder is not None

    def add(self, question: str, answer: Answer) -> None:
        """Answer a further question; before `open`."""
        self._answers[question] = answer

    async def open(self) -> None:
        """Take a number, and answer other members from now on.

        Raises:
            OSError: The folder cannot be used.
        """
        if self._folder is None:
            return
        self.number, self._lock = _take_number(self._folder)
        # The socket of a worker that was killed may still be there; the lock shows that it is nobody's.
        socket = self._folder / f"{self.number}.socket"
        socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, socket)

    async def close(self) -> None:
        """Leave the group: the number is free for another process."""
        if self._folder is None or self._server is None:
            return
        self._server.close()
        (self._folder / f"{self.number}.socket").unlink(missing_ok=True)
        # Last, because the next holder of the lock makes a socket of the same name.
        os.close(self._lock)

    async def ask(self, question: str) -> dict[int, bytes | None]:
        """Return what each member answers, this one included; None for one that did not, or not whole and in time."""
        others = [] if self._folder is None else [one for one in _members(self._folder) if one != self.number]
        # At once, so that many silent ones take no longer than one.
        found = await asyncio.gather(*(self._ask_one(number, question) for number in others))
        return dict(sorted({self.number: self._answers[question](), **dict(zip(others, found, strict=True))}.items()))

    async def _ask_one(self, number: int, question: str) -> bytes | None:
        assert self._folder is not None  # noqa: S101 - only a group with a folder has other members
        try:
            async with asyncio.timeout(self._answer_seconds):
                reader, writer = await asyncio.open_unix_connection(self._folder / f"{number}.socket")
                try:
                    writer.write(f"{question}\n".encode())
                    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES))
                    return await reader.readexactly(length)
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            _LOG.warning("Worker %d did not answer (%r): its metrics and state are missing.", number, error)
            return None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, asyncio.LimitOverrunError):
            question = (await reader.readline()).decode().strip()
            if question in self._answers:
                answer = self._answers[question]()
                writer.write(len(answer).to_bytes(_LENGTH_BYTES) + answer)
                await writer.drain()
        writer.close()


def group_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder that `gateway serve` named to this worker; None for a process of its own."""
    folder = environment.get(FOLDER_VARIABLE)
    return Path(folder) if folder else None


def _take_number(folder: Path) -> tuple[int, int]:
    """Return the lowest free number and the descriptor that keeps its lock."""
    for number in range(MAX_WORKERS):
        descriptor = _locked(folder / f"{number}.lock")
        if descriptor is not None:
            return number, descriptor
    raise OSError(f"All {MAX_WORKERS} numbers of workers in {folder} are taken.")


def _locked(path: Path) -> int | None:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        # The kernel releases it when the process ends, in whatever way, which no file with a process id does.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _members(folder: Path) -> Iterator[int]:
    """Yield the numbers of the members that live."""
    for socket in folder.glob("*.socket"):
        descriptor = _locked(socket.with_suffix(".lock"))
        if descriptor is None:
            yield int(socket.stem)
        else:
            os.close(descriptor)
