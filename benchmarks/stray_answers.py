"""Count the calls that get the response of another call from a server that answers one request twice.

A server in a separate process answers each call with the number of the call. It answers the first call of a round a
second time, at once or a little later. The next calls follow one after another, each as soon as the previous one is
answered. A response with another number counts as wrong; an error does not.

    python benchmarks/stray_answers.py --rounds 40

HTTP/1.1 cannot detect a stray response that arrives while the connection waits for another one. The figure is the
remaining rate of wrong responses.
"""

import argparse
import asyncio
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection as Pipe
from typing import Final

import uvloop

from resolvers.errors import UpstreamError
from resolvers.upstreams.call import Call
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.wire.wire import Connections, Wire

STRAYS_AFTER_MS: Final = (0.0, 0.3, 2.0)
ANSWERS_AFTER_MS: Final = (0.0, 1.0, 5.0)
NEXT_CALLS: Final = 50
LOOPS: Final[dict[str, Callable[[], asyncio.AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def answer(body: bytes) -> bytes:
    """Return a complete response."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def talk(connection: socket.socket) -> None:
    """Answer each request by its path: `/delay/repeat/number`, with times in milliseconds.

    `/5/0.3/7` is answered with 7 after 5 ms, and again 0.3 ms later; with `-` as the repeat, it is answered once.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError), connection, connection.makefile("rb") as requests:
        while line := requests.readline():
            while requests.readline().strip():
                pass
            _, wait, again, number = line.split()[1].split(b"/")
            pause(float(wait))
            connection.sendall(answer(number))
            if again != b"-":
                threading.Thread(target=stray, args=(connection, float(again), number), daemon=True).start()


def stray(connection: socket.socket, after_ms: float, number: bytes) -> None:
    """Answer a request a second time."""
    pause(after_ms)
    with suppress(OSError):
        connection.sendall(answer(number))


def pause(milliseconds: float) -> None:
    """Wait more precisely than `time.sleep`, which takes about 0.1 ms longer."""
    until = time.perf_counter() + milliseconds / 1000
    if milliseconds > 1:
        time.sleep((milliseconds - 0.5) / 1000)
    while time.perf_counter() < until:
        time.sleep(0)


def serve(pipe: Pipe) -> None:
    """Serve on loopback until the process is terminated."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pipe.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=talk, args=(connection,), daemon=True).start()


async def wrong_answers(port: int, answers_after: float, strays_after: float, rounds: int) -> tuple[int, int]:
    """Return the wrong responses and the errors among the calls that follow a repeated response."""
    wrong = errors = 0
    numbers = count()
    for _ in range(rounds):
        connections = Connections()
        wire = Wire(connections)
        for again in (f"{strays_after}", *"-" * NEXT_CALLS):
            number = str(next(numbers))
            url = f"http://127.0.0.1:{port}/{answers_after}/{again}/{number}"
            try:
                answered = await wire.send(Call(UpstreamName.SMS, "read", "GET", url, deadline=0, identity="own"))
            except UpstreamError:
                errors += 1
            else:
                wrong += answered.body.decode() != number
        await connections.close()
    return wrong, errors


def measure(port: int, rounds: int) -> None:
    """Print the figures as a Markdown table."""
    calls = rounds * NEXT_CALLS
    print(f"| loop | answers after, ms | stray after, ms | wrong of {calls} | of the {NEXT_CALLS} next | errors |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, loop in LOOPS.items():
        for answers_after in ANSWERS_AFTER_MS:
            for strays_after in STRAYS_AFTER_MS:
                with asyncio.Runner(loop_factory=loop) as runner:
                    wrong, errors = runner.run(wrong_answers(port, answers_after, strays_after, rounds))
                print(
                    f"| {name} | {answers_after} | {strays_after} | {wrong} | {wrong / rounds:.1f} | {errors} |",
                    flush=True,
                )


def main() -> None:
    """Start the server, measure, and stop the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help=f"of {NEXT_CALLS} calls each")
    rounds = parser.parse_args().rounds
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        measure(ours.recv(), rounds)
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
