"""Workers that ask each other, over real sockets in a folder of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from gateway.telemetry.process_group import ProcessGroup


class Workers:
    """Members of one group; lives one test."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self._stack = stack

    async def join(self, state: bytes) -> ProcessGroup:
        member = ProcessGroup(self.folder, {"state": lambda: state})
        await member.open()
        self._stack.push_async_callback(member.close)
        return member


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    async with AsyncExitStack() as stack:
        yield Workers(tmp_path, stack)


async def test_every_member_knows_the_state_of_all(workers: Workers) -> None:
    first, second = await workers.join(b"one"), await workers.join(b"two" * 1_000_000)

    assert await first.ask("state") == {0: b"one", 1: b"two" * 1_000_000}
    assert await second.ask("state") == await first.ask("state")


async def test_a_process_of_its_own_is_its_whole_group() -> None:
    alone = ProcessGroup(None, {"state": lambda: b"one"})
    await alone.open()

    assert await alone.ask("state") == {0: b"one"}
    assert not alone.has_others
    await alone.close()


async def test_a_successor_takes_over_the_number_of_one_that_left(tmp_path: Path, workers: Workers) -> None:
    leaving = ProcessGroup(tmp_path, {"state": lambda: b"old"})
    await leaving.open()
    staying = await workers.join(b"stays")
    await leaving.close()

    successor = await workers.join(b"new")

    assert (successor.number, staying.number) == (0, 1)
    assert await staying.ask("state") == {0: b"new", 1: b"stays"}


async def test_the_socket_of_a_worker_that_was_killed_is_passed_over(tmp_path: Path, workers: Workers) -> None:
    first = await workers.join(b"one")
    (tmp_path / "7.socket").touch()

    assert await first.ask("state") == {0: b"one"}


async def test_a_member_that_does_not_answer_in_time_is_missing(tmp_path: Path) -> None:
    hung, members = asyncio.Event(), []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung.wait()
        writer.close()

    for state in (b"one", b"two"):
        members.append(ProcessGroup(tmp_path, {"state": partial(bytes, state)}, answer_seconds=0.05))
        await members[-1].open()
    (tmp_path / "1.socket").unlink()
    server = await asyncio.start_unix_server(hang, tmp_path / "1.socket")

    found = await members[0].ask("state")

    assert found == {0: b"one", 1: None}
    hung.set()
    server.close()
    await asyncio.sleep(0)
    for member in members:
        await member.close()


@pytest.mark.parametrize("sent", [b"", b"\0" * 7, (3).to_bytes(8), (3).to_bytes(8) + b"tw"])
async def test_a_member_that_dies_while_it_answers_is_missing(tmp_path: Path, workers: Workers, sent: bytes) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(sent)
        writer.close()

    first = await workers.join(b"one")
    await workers.join(b"two")
    (tmp_path / "1.socket").unlink()
    async with await asyncio.start_unix_server(die, tmp_path / "1.socket"):
        assert await first.ask("state") == {0: b"one", 1: None}


async def test_an_empty_answer_is_an_answer(workers: Workers) -> None:
    first = await workers.join(b"one")
    await workers.join(b"")

    assert await first.ask("state") == {0: b"one", 1: b""}


async def test_an_unknown_question_has_an_empty_answer(workers: Workers) -> None:
    first = await workers.join(b"one")
    reader, writer = await asyncio.open_unix_connection(workers.folder / "0.socket")

    writer.write(b"x" * 100_000 + b"\n")

    assert await reader.read() == b""
    assert await first.ask("state") == {0: b"one"}
    writer.close()
