"""Idempotency keys in a SQLite file, for a gateway of one process."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from resolvers.idempotency.store import UNIT_BYTES, Claimed, KeyLimits, KeyName, KeyStoreFaults, Verdict

Result = TypeVar("Result")

_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS keys (
    caller TEXT NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL, owner TEXT NOT NULL, leased_until REAL NOT NULL,
    settled INTEGER NOT NULL, content BLOB NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (caller, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_by_end ON keys (expires_at);
"""
# With FULL, a commit is on the disk when it returns, and survives the machine.


class SqliteKeys:
    """Keeps idempotency keys in a file that only its owner can read. Lifetime: process.

    One thread does all access; the thread and the file are created on first use.

    Args:
        path: The path of the file.
        limits: How much is kept.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, path: Path, limits: KeyLimits, now: Callable[[], float]) -> None:
        self._path = path
        self._limits = limits
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="idempotency")
        self._connection: sqlite3.Connection | None = None
        self._faults = KeyStoreFaults(f"The file of idempotency keys {path}", sqlite3.Error, OSError)

    async def claim(self, name: KeyName, fingerprint: bytes, owner: str, seconds: float) -> Claimed:
        """Try to become the owner of a key; see `KeyStore.claim`."""
        return await self._in_thread(lambda: self._claim(self._open(), name, fingerprint, owner, seconds))

    async def write(self, name: KeyName, owner: str, content: bytes, seconds: float, *, settled: bool) -> bool:
        """Replace what is kept under a key; see `KeyStore.write`."""
        if not content and not seconds:
            return await self._change("DELETE FROM keys WHERE caller = ? AND key = ? AND owner = ?", (*name, owner))
        values = (content, settled, self._now() + seconds, owner if seconds else "", *name, owner)
        return await self._change(
            "UPDATE keys SET content = ?, settled = ?, leased_until = ?, owner = ? "
            "WHERE caller = ? AND key = ? AND owner = ?",
            values,
        )

    async def extend(self, name: KeyName, owner: str, seconds: float) -> None:
        """Renew the lease of a key, if the owner still has it."""
        values = (self._now() + seconds, *name, owner)
        await self._change("UPDATE keys SET leased_until = ? WHERE caller = ? AND key = ? AND owner = ?", values)

    async def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            await self._in_thread(self._connection.close)
            self._connection = None
        self._thread.shutdown()

    def _claim(
        self, connection: sqlite3.Connection, name: KeyName, fingerprint: bytes, owner: str, seconds: float
    ) -> Claimed:
        now = self._now()
        # At once a writer, so that no other process, which should not be there, claims the key between two statements.
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.execute("DELETE FROM keys WHERE expires_at <= ?", (now,))
            found = connection.execute(
                "SELECT fingerprint, owner, leased_until, settled, content FROM keys WHERE caller = ? AND key = ?", name
            ).fetchone()
            if found is None:
                return self._begin(connection, name, fingerprint, owner, seconds)
            kept, holder, leased_until, settled, content = found
            if kept != fingerprint:
                return Claimed(Verdict.OTHER_INPUT)
            if settled:
                return Claimed(Verdict.SETTLED, content)
            if holder and leased_until > now:
                return Claimed(Verdict.BUSY)
            connection.execute(
                "UPDATE keys SET owner = ?, leased_until = ? WHERE caller = ? AND key = ?",
                (owner, now + seconds, *name),
            )
            return Claimed(Verdict.OWNED, content)

    def _begin(
        self, connection: sqlite3.Connection, name: KeyName, fingerprint: bytes, owner: str, seconds: float
    ) -> Claimed:
        count = "SELECT coalesce(sum(1 + length(content) / ?), 0) FROM keys WHERE caller = ?"
        (kept,) = connection.execute(count, (UNIT_BYTES, name.caller)).fetchone()
        if kept >= self._limits.keys_per_caller:
            return Claimed(Verdict.FULL)
        now = self._now()
        values = (*name, fingerprint, owner, now + seconds, 0, b"", now + self._limits.keep_seconds)
        connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return Claimed(Verdict.OWNED)

    async def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        return await self._in_thread(lambda: self._open().execute(statement, values).rowcount == 1)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        with self._faults.translated():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # Created with its mode before SQLite opens it, so that nobody else can read it at any moment.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            # `isolation_level=None`: each statement commits by itself, but for those within a transaction.
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.executescript(_SCHEMA)
            self._connection = connection
        return self._connection
