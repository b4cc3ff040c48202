"""Sessions in a SQLite file, for a gateway of one process."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from gateway.oauth.session_store import Session, StoreFaults

Result = TypeVar("Result")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sessions (
    session_id TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, sealed BLOB NOT NULL,
    created_at REAL NOT NULL, expires_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_of_subject ON sessions (subject);
CREATE TABLE IF NOT EXISTS tokens (name TEXT PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS spent (mark TEXT PRIMARY KEY, until REAL NOT NULL);
"""
_COLUMNS: Final = "session_id, token_hash, subject, sealed, created_at, expires_at"


class SqliteSessions:
    """Stores sessions in a file that only its owner can read; process lifetime.

    One thread does all access; the thread and the file are created on first use.

    Args:
        path: The path of the file.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sessions")
        self._connection: sqlite3.Connection | None = None
        # A lock is there as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._faults = StoreFaults(f"The file of sessions {path}", sqlite3.Error, OSError)

    async def add(self, session: Session) -> None:
        """Store a new session, and delete expired ones."""
        values = (
            session.session_id,
            session.token_hash,
            session.subject,
            session.sealed,
            session.created_at,
            session.expires_at,
        )
        # Nothing else removes those that nobody uses any more.
        await self._change("DELETE FROM sessions WHERE expires_at <= ?", (self._now(),))
        await self._change("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", values)

    async def find(self, token_hash: str) -> Session | None:
        """Return the session whose token has this hash."""
        found = await self._select("token_hash = ?", (token_hash,))
        return found[0] if found else None

    async def reseal(self, session: Session, sealed: bytes, *, only_as_read: bool = False) -> None:
        """Replace the tokens of a session that still exists, and with `only_as_read` has the same tokens."""
        statement, values = "UPDATE sessions SET sealed = ? WHERE session_id = ?", (sealed, session.session_id)
        if only_as_read:
            await self._change(f"{statement} AND sealed = ?", (*values, session.sealed))
        else:
            await self._change(statement, values)

    async def of_subject(self, subject: str) -> list[Session]:
        """Return all sessions of a person, the oldest first."""
        return await self._select("subject = ? AND expires_at > ? ORDER BY created_at", (subject, self._now()))

    async def remove(self, session: Session) -> None:
        """Revoke a session."""
        await self._change("DELETE FROM sessions WHERE session_id = ?", (session.session_id,))

    async def spend(self, mark: str, until: float) -> bool:
        """Use a mark that may be used once; whether this was the first use."""
        await self._change("DELETE FROM spent WHERE until <= ?", (self._now(),))
        # By one statement, so that of two callbacks at once only one is the first.
        return await self._change("INSERT OR IGNORE INTO spent VALUES (?, ?)", (mark, until)) == 1

    async def tokens(self, name: str) -> bytes | None:
        """Return the stored sealed tokens of one of the gateway's own accounts."""
        query = "SELECT sealed FROM tokens WHERE name = ?"
        found = await self._in_thread(lambda: self._open().execute(query, (name,)).fetchone())
        return None if found is None else bytes(found[0])

    async def keep_tokens(self, name: str, sealed: bytes) -> None:
        """Store the sealed tokens of one of the gateway's own accounts."""
        await self._change("INSERT OR REPLACE INTO tokens VALUES (?, ?)", (name, sealed))

    @asynccontextmanager
    async def locked(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Hold the lock of this name within this process, the only one."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with asyncio.timeout(seconds):
            await lock.acquire()
        try:
            yield
        finally:
            lock.release()

    async def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            await self._in_thread(self._connection.close)
            self._connection = None
        self._thread.shutdown()

    async def _select(self, condition: str, values: Sequence[Any]) -> list[Session]:
        statement = f"SELECT {_COLUMNS} FROM sessions WHERE {condition}"  # noqa: S608 - conditions are ours, values are bound
        return await self._in_thread(lambda: [Session(*row) for row in self._open().execute(statement, values)])

    async def _change(self, statement: str, values: Sequence[Any]) -> int:
        return await self._in_thread(lambda: self._open().execute(statement, values).rowcount)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        with self._faults.translated():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # Created with its mode before SQLite opens it, so that nobody else can read it at any moment.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            # `isolation_level=None`: each statement commits by itself.
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.executescript(_SCHEMA)
            self._connection = connection
        return self._connection
