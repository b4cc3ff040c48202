"""Replies that are made of other replies keep what those say of themselves."""

from collections.abc import Callable

import msgspec
import pytest

from gateway.http.response import for_old_clients, internal_error, refusal, unless_known
from gateway.operations.cost.budget import with_headers
from gateway.operations.request import Reply
from resolvers.errors import BadInput

HEADERS = ((b"etag", b'"a"'),)
CHANGES: dict[str, tuple[Callable[[Reply], Reply], set[str]]] = {
    "budget": (lambda reply: with_headers(((b"ratelimit-limit", b"1"),), reply), {"headers"}),
    "old clients": (for_old_clients, {"status"}),
    "not modified": (lambda reply: unless_known(reply, {b"if-none-match": b'"a"'}), {"status", "body"}),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"{}", HEADERS, executed=True, has_errors=True),
        Reply(200, b"{}", HEADERS, executed=True, has_errors=False),
        Reply(400, b"{}", HEADERS, executed=False, has_errors=True),
    ],
)
def test_what_is_not_changed_is_kept(name: str, reply: Reply) -> None:
    change, changed = CHANGES[name]

    made = change(reply)

    different = {field for field in Reply.__struct_fields__ if getattr(made, field) != getattr(reply, field)}
    assert different <= changed
    assert msgspec.structs.asdict(made)["has_errors"] is reply.has_errors


@pytest.mark.parametrize("reply", [refusal(BadInput("It is wrong.")), internal_error()])
def test_a_refusal_has_errors(reply: Reply) -> None:
    assert reply.has_errors
    assert b'"errors"' in reply.body
