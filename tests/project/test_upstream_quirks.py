"""The page on the upstreams' quirks says what the code does."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest

from resolvers.errors import UpstreamBadAnswer
from resolvers.learned import RETRY_SECONDS
from resolvers.loading.delivery_batches import MAX_DELIVERY_BATCH
from resolvers.served_pages import LARGEST_PAGE
from resolvers.sms.job_lists import SEARCH_RADIUS
from resolvers.trails import MARKED
from resolvers.upstreams.error_body import MAX_ERRORS, MAX_TEXT
from resolvers.upstreams.fields import instant
from resolvers.upstreams.lenient import read
from resolvers.upstreams.sms.requests import MAX_LIMIT, WINDOW
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.project.tree import ROOT
from tests.upstreams.transport.wire.talking_server import call_to, saying, serving

PAGE: Final = (ROOT / "docs" / "upstream-quirks.md").read_text()

LISTS_OF: Final[dict[str, Any]] = {
    "whole number": list[int],
    "number": list[float],
    "text": list[str],
    "boolean": list[bool],
    "object": list[dict[str, Any]],
    "list": list[list[int]],
    "instant": list[datetime],
}
NOTHING: Final = "nothing"


def forms() -> Iterator[tuple[str, str, str]]:
    """Each form of the table: what is documented, what is sent, what is read."""
    table = PAGE.partition("## Forms of values")[2].partition("## ")[0]
    for kind, sent, meaning in re.findall(r"^\| ([a-z ]+) \| (`.*`) \| (.*) \|$", table, re.MULTILINE):
        yield from ((kind, form, meaning.strip("`")) for form in re.findall(r"`([^`]+)`", sent))


def wire_answers() -> Iterator[tuple[str, bytes, str]]:
    """Each answer of the table: what it is, its bytes, what is read."""
    table = PAGE.partition("## Where an answer begins and ends")[2].partition("## ")[0]
    for what, said, meaning in re.findall(r"^\| (.*) \| `(HTTP.*|RTSP.*)` \| (.*) \|$", table, re.MULTILINE):
        yield what, said.encode().decode("unicode_escape").encode(), meaning.strip("`")


@pytest.mark.parametrize(("what", "said", "meaning"), list(wire_answers()))
async def test_an_answer_ends_where_the_page_says(what: str, said: bytes, meaning: str) -> None:
    connections = Connections()
    async with serving(saying(said, then_close=True)) as server:
        try:
            read_as = (await Wire(connections).send(call_to(server.url))).body.decode()
        except UpstreamBadAnswer:
            read_as = "an error"
        finally:
            await connections.close()

    assert read_as == meaning, what


def read_item(kind: str, form: str) -> object:
    """A form of a value as an item of a list, which lacks what cannot be read."""
    items = read(LISTS_OF[kind], f"[{form}]".encode())
    return items[0] if items else NOTHING


def test_every_kind_of_value_is_in_the_table() -> None:
    assert {kind for kind, _, _ in forms()} == set(LISTS_OF)


@pytest.mark.parametrize(("kind", "form", "meaning"), list(forms()))
def test_a_form_is_read_as_the_page_says(kind: str, form: str, meaning: str) -> None:
    expected: object = meaning if meaning == NOTHING else json.loads(meaning)

    if kind == "instant" and expected != NOTHING:
        expected = instant(expected)

    assert read_item(kind, form) == expected


@pytest.mark.parametrize(
    "said",
    [
        f"Up to {MAX_DELIVERY_BATCH} ids go in one call",
        f"left alone for {RETRY_SECONDS:g} seconds",
        f"a page of at most {LARGEST_PAGE}",
        f"the last {MARKED} records",
        f"one for each data centre and {WINDOW.days} days",
        f"up to {MAX_LIMIT} jobs",
        f"among the {SEARCH_RADIUS} jobs before and behind",
        f"Up to {MAX_ERRORS} errors of {MAX_TEXT} characters each",
    ],
)
def test_the_figures_of_the_page_are_those_of_the_code(said: str) -> None:
    assert said in PAGE


def test_the_page_has_answers_of_both_kinds() -> None:
    assert {meaning for _, _, meaning in wire_answers()} == {"{}", "an error"}
