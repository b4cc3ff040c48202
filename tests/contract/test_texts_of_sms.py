"""Texts that just fit are sent whole; what the vendor would cut off is refused, by the encoding that it goes out in."""

import json
from typing import Any, Final

import pytest

from resolvers.context import Context
from tests.contract.operations import execute
from tests.upstreams.recording_server import RecordingServer

SEND: Final = """mutation($text: String!, $options: SmsOptionsInput) {
  sendSms(input: { messages: [
    { text: "short", recipients: [{ destination: "+4989" }] },
    { text: $text, recipients: [{ destination: "+4989" }] }
  ], options: $options }) { job { jobId } errors { message ... on InvalidInput { path } } }
}"""


@pytest.mark.parametrize(
    ("text", "most", "options"),
    [
        ("a", 3060, None),
        ("€", 20 * 76, None),
        ("ł", 1340, None),
        ("\U0001f600", 660, None),
        ("a", 1340, {"encoding": "UTF_16"}),
        ("ł", 3060, {"invalidCharacters": "REPLACE"}),
        ("ł", 1340, {"encoding": "STANDARD", "invalidCharacters": "TO_UTF16"}),
    ],
)
async def test_a_text_is_taken_up_to_twenty_parts_and_refused_beyond_before_any_call(
    text: str, most: int, options: dict[str, Any] | None, upstream: RecordingServer, context: Context
) -> None:
    upstream.answer("POST", "/jobs", b'{"jobId": "J.1"}', status=201)

    refused = await execute(SEND, {"text": text * (most + 1), "options": options}, context)
    assert upstream.requests == []
    sent = await execute(SEND, {"text": text * most, "options": options}, context)

    assert refused.data is not None
    (error,) = refused.data["sendSms"]["errors"]
    assert error["path"] == ["input", "messages", "1", "text"]
    assert "21 parts" in error["message"]
    assert sent.data == {"sendSms": {"job": {"jobId": "J.1"}, "errors": []}}
    body: Any = json.loads(upstream.only_request.body)
    assert body["messages"][1]["text"] == text * most
