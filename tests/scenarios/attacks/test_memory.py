"""What strangers send is kept only as far as its own size allows."""

from typing import Final

import pytest

from gateway.operations.documents.documents import MAX_SHAPE_CHARACTERS, Documents
from gateway.operations.execution import core_schema
from gateway.operations.request import Reply
from gateway.operations.responses.response_cache import CachedResponse, Key, ResponseCache
from schema.root import build_schema

MEBIBYTE: Final = 1024 * 1024
SMALL: Final = Reply(200, b'{"data":{}}')


def question(number: int, *, document: str = "{ __typename }", variables: bytes = b"") -> Key:
    return (f"account {number}", document, None, variables)


@pytest.mark.parametrize("large", [{"document": "{ __typename }" + " " * MEBIBYTE}, {"variables": b"x" * MEBIBYTE}])
def test_responses_to_large_questions_are_kept_by_the_size_of_the_questions_too(large: dict[str, str]) -> None:
    responses = ResponseCache(4 * MEBIBYTE)
    keys = [question(number, **large) for number in range(10)]  # type: ignore[arg-type]  # either of the two

    for key in keys:
        responses.put(key, CachedResponse(SMALL, 1.0, ()))

    assert [number for number, key in enumerate(keys) if responses.get(key)] == [7, 8, 9]


def test_the_shape_of_a_document_of_nothing_but_blanks_is_not_kept() -> None:
    documents = Documents(core_schema(build_schema()), max_characters=1000)
    long = '{ delivery(id: "1") { id } }' + " " * MAX_SHAPE_CHARACTERS
    short = '{ delivery(id: "1") { id } }'

    read = [documents.get(long), documents.get(long.replace("1", "2"))]
    shared = [documents.get(short), documents.get(short.replace("1", "2"))]

    assert [one.errors for one in read] == [(), ()]
    assert read[0].plans is not read[1].plans
    assert shared[0].plans is shared[1].plans
