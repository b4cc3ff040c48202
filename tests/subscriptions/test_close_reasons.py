"""Every reason that a WebSocket is closed for fits into a close frame, and says first what to do."""

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.oauth.session_store import SessionStoreUnavailable
from gateway.subscriptions import socket_channel as closing
from gateway.subscriptions.socket_channel import MAX_REASON_BYTES, Closing, duplicate_operation, forbidden
from tests.subscriptions.socket_client import NEW, OLD, connected, initialized

GATEWAY: Final = Path(__file__).parents[2] / "gateway"
RAISED: Final = {"Unauthenticated", "KeysUnavailable", "Forbidden", "RateLimited", "invalid_message"}
"""What ends a connection: errors of whoever lets a caller in, and messages that are none."""

ONLY_OVER_HTTP: Final = {"endpoint.py"}
WHAT_TO_DO: Final = {
    *("Ask", "Check", "Choose", "Close", "Connect", "Get", "Leave", "Log", "Offer", "Open", "Send", "Try", "Wait"),
}
ODD_TEXTS: Final = [
    "é" * 61,
    "é" * 62,
    "\N{SNOWMAN}" * 41,
    "\N{SNOWMAN}" * 42,
    "\N{GRINNING FACE}" * 31,
    "a" * 124,
    "\ud800",
]
SHORT: Final = ["", "a" * 123, "\N{SNOWMAN}" * 41]


def texts_in(node: ast.AST, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The texts of an expression: its literals, with `x` for what is put into them, and the constants that it names."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)
        case ast.Name(id=name) if name in constants:
            yield from texts_in(constants[name], constants)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from texts_in(child, constants)


def raised_in(path: Path) -> Iterator[str]:
    """The messages with which a module raises what ends a connection."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    assigned = [node for node in module.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None]
    names = {target.id: node.value for node in assigned for target in ast.walk(node) if isinstance(target, ast.Name)}
    constants = {name: value for name, value in names.items() if value is not None and name.isupper()}
    for node in ast.walk(module):
        match node:
            case ast.Raise(exc=ast.Call(func=ast.Name(id=kind), args=arguments)) if kind in RAISED:
                for argument in arguments:
                    yield from texts_in(argument, constants)


def messages() -> set[str]:
    """Every message in the source for which a connection is closed."""
    paths = [path for package in ("auth", "oauth", "subscriptions") for path in (GATEWAY / package).glob("*.py")]
    found = {text for path in paths if path.name not in ONLY_OVER_HTTP for text in raised_in(path)}
    return {*found, SessionStoreUnavailable().message}


def closings() -> list[Closing]:
    """One of each kind, with an argument of one letter where it takes any."""
    makers = [made for _, made in inspect.getmembers(closing, inspect.isfunction) if not made.__name__.startswith("_")]
    return [make(*["Send x"] * len(inspect.signature(make).parameters)) for make in makers]


def test_the_source_is_looked_through() -> None:
    found = messages()

    assert len(found) > 20
    assert "Leave the session token out: this gateway keeps no sessions." in found
    assert "Get a new token: this one has expired." in found
    assert "Send text messages: this one is binary." in found


@pytest.mark.parametrize("message", sorted(messages()))
def test_each_message_that_ends_a_connection_fits_and_says_first_what_to_do(message: str) -> None:
    assert message.partition(" ")[0] in WHAT_TO_DO
    assert forbidden(message).reason == message


@pytest.mark.parametrize("made", closings(), ids=lambda made: str(made.code))
def test_each_closing_fits_and_says_first_what_to_do(made: Closing) -> None:
    assert len(made.reason.encode()) <= MAX_REASON_BYTES
    assert not made.reason.endswith("…")
    assert made.code == 1000 or made.reason.partition(" ")[0] in WHAT_TO_DO


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_what_a_client_names_is_cut_between_characters(text: str) -> None:
    reason = duplicate_operation(text).reason

    assert len(reason.encode()) <= MAX_REASON_BYTES
    assert len(reason.encode()) > 119 or not reason.endswith("…")
    assert reason.startswith("Choose another id: Subscriber for ")
    assert "\N{REPLACEMENT CHARACTER}" not in reason


@pytest.mark.parametrize("text", SHORT)
def test_what_fits_is_not_cut(text: str) -> None:
    assert Closing(4400, text).reason == text


@pytest.mark.parametrize("protocol", [NEW, OLD])
@pytest.mark.parametrize(
    "message",
    [
        {"type": "\N{GRINNING FACE}" * 200},
        {"type": "\x00" * 200},
        {"type": "connection_init", "payload": "x" * 500},
        {"type": "connection_init", "id": {"x" * 500: 1}},
        {"id": "x" * 500},
        {"x" * 500: 1},
        ["x" * 500],
    ],
)
async def test_what_is_no_message_is_told_what_to_send_in_few_bytes(port: int, protocol: str, message: object) -> None:
    async with connected(port, protocol) as client:
        await client.connection.send(json.dumps(message))
        code, reason = await client.closing()

    assert code == 4400
    assert reason.startswith("Send ")
    assert len(reason.encode()) <= MAX_REASON_BYTES


@pytest.mark.parametrize(
    "payload", [None, [], {"query": 7}, {"query": None}, {"query": "{a}", "variables": "x" * 500}, {}]
)
async def test_an_operation_that_is_none_is_told_what_to_send(port: int, payload: object) -> None:
    async with initialized(port) as client:
        await client.connection.send(json.dumps({"type": "subscribe", "id": "a", "payload": payload}))
        code, reason = await client.closing()

    assert code == 4400
    assert reason.startswith("Send a GraphQL request as `payload`. ")
    assert len(reason.encode()) <= MAX_REASON_BYTES
