"""A refusal keeps its words, whichever form an upstream writes it in, on its way to the client."""

from typing import Any, Final

import pytest

from tests.contract import documents
from tests.scripted_gateway import ScriptedGateway
from tests.upstreams.test_lenient import BOM

FORMS: Final[list[tuple[bytes, list[str]]]] = [
    (b'{"errors": [{"detail": "It is taken.", "title": "T"}]}', ["It is taken."]),
    (b'{"errors": [{"title": "T", "source": null, "status": 422}]}', ["T"]),
    (b'{"errors": [{"title": "T", "source": []}]}', ["T"]),
    (b'{"errors": [{"title": "T", "source": [{"pointer": "/data"}]}]}', ["T"]),
    (b'{"errors": [{"title": "T", "source": "data"}]}', ["T"]),
    (b'{"errors": [{"detail": "One."}, {"detail": "Two."}, {"title": "Three"}]}', ["One.", "Two.", "Three"]),
    (b'{"errors": {"detail": "One object."}}', ["One object."]),
    (b'{"errors": ["Bare", "words"]}', ["Bare", "words"]),
    (b'{"errors": "Bare words"}', ["Bare words"]),
    (b'[{"detail": "In a list."}]', ["In a list."]),
    (
        b'{"message": "Invalid.", "errors": {"a": ["is required", "is short"], "b": "is odd"}}',
        ["is required", "is odd"],
    ),
    (b'{"message": "Invalid.", "errors": []}', ["Invalid."]),
    (b'{"message": "Invalid.", "errors": null}', ["Invalid."]),
    (b'{"code": 17, "message": "By number."}', ["By number."]),
    (b'{"code": "bad", "message": ["not", "text"], "detail": "Detail."}', ["Detail."]),
    (b'{"error": "invalid_input"}', ["invalid_input"]),
    (b'{"error": "invalid_input", "error_description": "Described."}', ["Described."]),
    (b'{"error": {"message": "Inner.", "code": 3}}', ["Inner."]),
    (b"Plain words.", ["Plain words."]),
    (b'"Quoted words."', ["Quoted words."]),
    (BOM + b'{"message": "After a mark."}', ["After a mark."]),
    (b'{"message": "Bytes: \xff."}', ["Bytes: "]),
]
SILENT: Final = [
    b"",
    b"{}",
    b"null",
    b"7",
    b"<html><body>Oops</body></html>",
    b"{",
    b'{"message": null}',
    b'{"errors": [{}]}',
]

CHANGES: Final[dict[str, tuple[str, dict[str, Any], str]]] = {
    "deliveries": (documents.CREATE_DELIVERY, documents.DELIVERY, "POST /api/v1/send-tasks"),
    "sms": (documents.SEND_SMS, documents.JOB, "POST /rest/v1/jobs"),
    "logistics": (documents.CREATE_TASKS, documents.TASKS, "POST /logistics/platform/tasks"),
}
READS: Final[dict[str, tuple[str, str]]] = {
    "deliveries": ("{ a: deliveries { nodes { id } } }", "GET /api/v1/send-tasks"),
    "sms": ("{ a: smsJobs { nodes { id } } }", "GET /rest/v1/jobs"),
    "logistics": ("{ a: logisticsTasks { nodes { id } } }", "GET /logistics/platform/tasks"),
}


async def reported(gateway: ScriptedGateway, name: str, status: int, body: bytes) -> tuple[list[Any], str]:
    """The errors of a refused change, and what they say together."""
    document, variables, write = CHANGES[name]
    method, path = write.split()
    gateway.upstream.answer(method, path, body, status=status)
    errors = (await gateway.ask(document, variables)).data["answer"]["errors"]
    return errors, " ".join(error["message"] for error in errors)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("name", CHANGES)
async def test_a_refused_change_says_why(name: str, status: int, gateway: ScriptedGateway) -> None:
    for body, words in FORMS:
        errors, said = await reported(gateway, name, status, body)

        assert {error["__typename"] for error in errors} <= {"InvalidInput", "NotAllowedNow", "Conflict"}, body
        assert [word for word in words if word not in said] == [], body


@pytest.mark.parametrize("name", CHANGES)
async def test_a_refusal_without_words_is_a_refusal(name: str, gateway: ScriptedGateway) -> None:
    for body in SILENT:
        errors, said = await reported(gateway, name, 422, body)

        assert [error["__typename"] for error in errors] == ["InvalidInput"], body
        assert "refused" in said, body


@pytest.mark.parametrize("name", CHANGES)
async def test_each_of_several_errors_is_reported(name: str, gateway: ScriptedGateway) -> None:
    errors, _ = await reported(gateway, name, 422, b'{"errors": [{"detail": "One."}, {"detail": "Two."}]}')

    assert [error["message"].rpartition(": ")[2] for error in errors] == ["One.", "Two."]


@pytest.mark.parametrize("name", CHANGES)
async def test_a_conflict_says_why(name: str, gateway: ScriptedGateway) -> None:
    for body, words in FORMS:
        _, said = await reported(gateway, name, 409, body)

        assert [word for word in words if word not in said] == [], body


@pytest.mark.parametrize("name", READS)
async def test_a_refused_query_says_why(name: str, gateway: ScriptedGateway) -> None:
    query, read = READS[name]
    method, path = read.split()
    for body, words in FORMS:
        gateway.upstream.answer(method, path, body, status=400)

        answer = await gateway.ask(query)

        (error,) = answer.json["errors"]
        assert error["extensions"]["code"] == "BAD_INPUT", body
        assert [word for word in words if word not in error["message"]] == [], body
