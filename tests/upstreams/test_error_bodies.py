"""Refusals keep their words in every form that was seen."""

import pytest

from resolvers.upstreams.error_body import ErrorBody, read_error_body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"errors": [{"detail": "It is taken."}]}', "It is taken."),
        (b'\xef\xbb\xbf{"errors": [{"title": "Not Found", "status": 404}]}', "Not Found"),
        (b'{"errors": [{"title": "T", "source": null}]}', "T"),
        (b'{"errors": [{"title": "T", "source": [{"pointer": "/data"}]}]}', "T"),
        (b'{"errors": [{"detail": "One."}, {"detail": "Two."}, {"detail": "One."}]}', "One.; Two."),
        (b'{"message": "Invalid.", "errors": {"delivery-type": ["is required"]}}', "is required"),
        (b'{"message": "Invalid.", "errors": {"a": ["one", "two"], "b": "three"}}', "one; two; three"),
        (b'{"errors": {"detail": "One object."}}', "One object."),
        (b'{"errors": ["Bare words."]}', "Bare words."),
        (b'{"message": "Invalid.", "errors": []}', "Invalid."),
        (b'{"message": "M", "code": 17}', "M"),
        (b'{"error": "invalid_grant"}', "invalid_grant"),
        (b'{"error": "invalid_grant", "error_description": "Wrong password."}', "Wrong password."),
        (b'{"error": {"message": "Inner.", "code": 3}}', "Inner."),
        (b"Too many messages", "Too many messages"),
        (b'"Too many messages"', "Too many messages"),
        (b"<html><body>Oops</body></html>", None),
        (b"", None),
        (b"{", None),
        (b"null", None),
        (b"{}", None),
    ],
)
def test_the_words_are_kept(body: bytes, words: str | None) -> None:
    assert read_error_body(body).words == words


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b'{"errors": [{"code": 12, "source": {"pointer": "/data"}}]}', "/data", "12"),
        (b'{"errors": [{"title": "T", "source": [{"parameter": "filter"}]}]}', "filter", None),
        (b'{"errors": {"data.attributes.status": ["no"]}}', "/data/attributes/status", None),
        (b'{"errors": {"delivery-type": ["no"]}}', "delivery-type", None),
        (b'{"code": 7, "message": "M"}', None, "7"),
        (b'{"error": {"message": "Inner.", "code": 3}}', None, "3"),
    ],
)
def test_place_and_code_are_kept(body: bytes, pointer: str | None, code: str | None) -> None:
    error_body = read_error_body(body)

    assert (error_body.pointer, error_body.code) == (pointer, code)


def test_a_text_without_end_is_cut_and_a_list_without_end_too() -> None:
    text = read_error_body(b"x" * 100_000)
    listed = read_error_body(b'{"errors": [' + b'{"title": "T"},' * 1000 + b'{"title": "T"}]}')

    assert len(text.message or "") == 500
    assert len(listed.also) == 19
    assert isinstance(listed.also[0], ErrorBody)
