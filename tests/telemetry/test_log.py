import json
import logging
import logging.config
from collections.abc import Iterator

import orjson
import pytest
import uvicorn

from gateway.operations.operation_log import LOGGER
from gateway.settings.groups import LogSettings
from gateway.telemetry.log import JsonFormatter, RequestLines, TextFormatter, log_config


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    levels = {
        name: logging.getLogger(name).level
        for name in ("httpx", "httpcore", "hpack", "websockets", "uvicorn", "gateway")
    }
    # An earlier test that searched the log for secrets may have lowered the level.
    logging.getLogger("gateway").setLevel(logging.NOTSET)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "gateway.x", "levelname": "INFO", "msg": message, **extra})
    made.created, made.msecs = 1_767_225_600.25, 250.0
    return made


def test_text_is_one_plain_line_with_the_request_at_its_end() -> None:
    assert TextFormatter().format(record("done")) == "2026-01-01T00:00:00.250Z INFO gateway.x: done"
    assert TextFormatter().format(record("done", request_id="r-1")).endswith("gateway.x: done [r-1]")


def test_json_is_one_object_a_line_with_what_was_given_beside_the_message() -> None:
    line = JsonFormatter().format(record("done\nindeed", request_id="r-1", path=("a", 1)))

    assert "\n" not in line
    assert orjson.loads(line) == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "INFO",
        "logger": "gateway.x",
        "message": "done\nindeed",
        "request_id": "r-1",
        "path": ["a", 1],
    }


def test_json_holds_the_trace_of_an_exception() -> None:
    error = ValueError("planted")

    line = JsonFormatter().format(record("failed", exc_info=(ValueError, error, None)))

    assert "ValueError: planted" in orjson.loads(line)["exception"]


def nested(depth: int) -> list[object]:
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


RING: list[object] = []
RING.append(RING)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("half \ud800", "half \ud800"),
        (["half \ud800", 1], ["half \ud800", 1]),
        (2**70, 2**70),
        ({"a": 1, (2, 3): 4, "half": "\udfff"}, {"a": 1, "half": "\udfff"}),
        (nested(300), nested(300)),
        (nested(5_000), "[[[[[[[...]]]]]]]"),
        (RING, "[[[[[[[...]]]]]]]"),
    ],
)
def test_no_line_is_lost_for_a_value_that_json_lacks(value: object, shown: object) -> None:
    made = record("done", caller=value, codes=["A"])
    made.name = LOGGER

    line = json.loads(JsonFormatter().format(made))

    assert line["message"] == "done"
    assert line["caller"] == shown
    assert "caller=" in TextFormatter().format(made)


def test_the_message_may_have_half_of_a_surrogate_pair() -> None:
    assert json.loads(JsonFormatter().format(record("not \ud800 UTF-8")))["message"] == "not \ud800 UTF-8"


def test_the_level_holds_for_every_logger(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(log_config(LogSettings(level="warning")))

    logging.getLogger("gateway.x").info("too low")
    logging.getLogger("uvicorn.error").info("too low")
    logging.getLogger("gateway.x").warning("high enough")

    written = capsys.readouterr().err
    assert written.endswith("WARNING gateway.x: high enough\n")
    assert "too low" not in written


def test_a_server_that_has_set_up_its_own_log_before_writes_to_ours(capsys: pytest.CaptureFixture[str]) -> None:
    uvicorn.Config("gateway.app:create_app")
    logging.config.dictConfig(log_config(LogSettings(access=True)))

    logging.getLogger("uvicorn.access").info("a request")
    logging.getLogger("uvicorn.error").info("an event")

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("INFO ")[2] for line in lines] == ["uvicorn.access: a request", "uvicorn.error: an event"]


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "hpack.hpack", "websockets.server"])
def test_libraries_that_print_secrets_are_held_back_at_every_level(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    logging.config.dictConfig(log_config(LogSettings(level="debug")))

    logging.getLogger(name).info("GET https://api.example/partners/c2VjcmV0")
    logging.getLogger("uvicorn.error").debug("< TEXT connection_init")
    logging.getLogger("gateway.x").debug("ours")

    assert [line.partition("DEBUG ")[2] for line in capsys.readouterr().err.splitlines()] == ["gateway.x: ours"]


@pytest.mark.parametrize(
    ("name", "message", "arguments", "shown"),
    [
        (
            "uvicorn.access",
            '%s - "%s %s HTTP/%s" %d',
            ("1.2.3.4:5", "POST", "/webhooks/logistics/planted?x=planted", "1.1", 200),
            '1.2.3.4:5 - "POST /webhooks/logistics/*** HTTP/1.1" 200',
        ),
        *(
            (
                "uvicorn.access",
                '%s - "%s %s HTTP/%s" %d',
                ("1.2.3.4:5", "POST", f"{path}planted/", "1.1", 404),
                f'1.2.3.4:5 - "POST {path}*** HTTP/1.1" 404',
            )
            for path in (
                "/webhooks/logistics/",
                "/WebHooks/Logistics/",
                "/WEBHOOKS/logistics//",
                "/webhooks//logistics/",
                "/webhooks/",
                "/webhook/logistics/",
                "//webhooks/logistics/",
                "/base/webhooks/logistics/",
            )
        ),
        (
            "uvicorn.error",
            '%s - "WebSocket %s" [accepted]',
            ("1.2.3.4:5", "/graphql?token=planted"),
            '1.2.3.4:5 - "WebSocket /graphql" [accepted]',
        ),
    ],
)
def test_a_line_about_a_request_is_shown_only_if_wanted_and_never_with_secrets(
    name: str, message: str, arguments: tuple[object, ...], shown: str
) -> None:
    line = logging.LogRecord(name, logging.INFO, "", 0, message, arguments, None)

    assert RequestLines(shown=False).filter(line) is False
    assert RequestLines(shown=True).filter(line) is True
    assert line.getMessage() == shown


def test_other_lines_of_the_server_are_shown_in_any_case() -> None:
    line = logging.LogRecord("uvicorn.error", logging.INFO, "", 0, "Started server process [%d]", (1,), None)

    assert RequestLines(shown=False).filter(line) is True


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("message", ["connection open", "connection closed"])
def test_what_a_library_says_of_every_web_socket_is_left_out(message: str, shown: bool) -> None:
    line = record(message, name="uvicorn.error", levelno=logging.INFO)

    assert RequestLines(shown=shown).filter(line) is False
