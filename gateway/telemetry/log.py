"""The log on standard error: plain lines or JSON, with secrets masked that libraries would print."""

import json
import logging
import re
import reprlib
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import orjson

from gateway.operations.operation_log import LOGGER
from gateway.settings.groups import LogSettings

# At lower levels these print URLs, headers or whole WebSocket frames, and with them secrets, tokens and keys.
_LEAST_LEVELS: Final = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "hpack": logging.WARNING,
    "websockets": logging.WARNING,
    "uvicorn": logging.INFO,
}
# With `color_message`, which uvicorn adds: its message once more, with escape sequences of terminals.
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_PLAIN_WORD: Final = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")
# Misspelled paths are masked as well: the secret may stand behind them.
_WEBHOOK_SECRET: Final = re.compile(r"(/webhooks?/+(?:logistics/+)?).+", re.IGNORECASE)
_WEBSOCKET_LINE: Final = '%s - "WebSocket'
# Written for every WebSocket, and they do not even say for which.
_NAMELESS_LINES: Final = frozenset({"connection open", "connection closed"})


def log_config(settings: LogSettings) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`, which can be pickled for worker processes.

    Args:
        settings: Level, format, and whether requests are logged.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    formatter = (
        "gateway.telemetry.log.JsonFormatter" if settings.format == "json" else "gateway.telemetry.log.TextFormatter"
    )
    return {
        "version": 1,
        # By default the loggers that modules have made until now would fall silent.
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "filters": {"requests": {"()": "gateway.telemetry.log.RequestLines", "shown": settings.access}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                # At the handler: a logger's filters do not see the records of the loggers below it.
                "filters": ["requests"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": level, "handlers": ["stderr"]},
        # Libraries that set up their own log, as uvicorn does by default, would bypass the root's handler.
        "loggers": {name: {"level": max(level, least), "propagate": True} for name, least in _LEAST_LEVELS.items()},
    }


class TextFormatter(logging.Formatter):
    """Formats a record as one line: time in UTC, level, logger, message; process lifetime.

    A `request_id` in `extra` is appended to the message; the lines of operations have all of it, as logfmt.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's own
        """Format the time in UTC."""
        return _utc(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Format the line, with the request's id."""
        line = super().formatMessage(record)
        if record.name == LOGGER:
            return f"{line} {logfmt(_extra_of(record))}"
        request_id = getattr(record, "request_id", None)
        return f"{line} [{request_id}]" if request_id else line


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, message and all of `extra`; process lifetime."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the object."""
        line = {
            "time": _utc(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extra_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _json(line)


def logfmt(fields: Mapping[str, object]) -> str:
    """Return fields as `name=value` with spaces between them; what is no plain word is JSON."""
    return " ".join(f"{name}={_logfmt_value(value)}" for name, value in fields.items())


def _logfmt_value(value: object) -> str:
    text = value if isinstance(value, str) else _json(value)
    return text if _PLAIN_WORD.fullmatch(text) else _json(text)


def _json(value: object) -> str:
    # Anything may be in `extra`, and a line with a value that JSON lacks must not be lost.
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:
        # The standard library escapes half of a surrogate pair, and has larger integers and more levels.
        with suppress(ValueError, RecursionError):
            return json.dumps(value, default=str, skipkeys=True)
    return json.dumps(_shortened(value))


def _shortened(value: object) -> object:
    """Return a value that is nested too deeply, or within itself, with the beginnings of its parts as text."""
    if isinstance(value, dict):
        return {str(name): part if isinstance(part, str) else reprlib.repr(part) for name, part in value.items()}
    return reprlib.repr(value)


def _extra_of(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES}


class RequestLines(logging.Filter):
    """Filters the server's line for each request: drops it, or masks its query and secrets; process lifetime.

    Lines about opened and closed WebSocket connections are always dropped.

    Args:
        shown: Whether request lines are logged.
    """

    def __init__(self, *, shown: bool) -> None:
        super().__init__()
        self._shown = shown

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; masks its path."""
        if record.name == "uvicorn.error" and record.msg in _NAMELESS_LINES:
            return False
        if not (record.name == "uvicorn.access" or str(record.msg).startswith(_WEBSOCKET_LINE)):
            return True
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(value) if isinstance(value, str) else value for value in record.args)
        return self._shown


def _utc(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def _masked(value: str) -> str:
    """Cut off a path's query, which may hold codes and whole operations, and the webhook's secret."""
    return _WEBHOOK_SECRET.sub(r"\1***", value.partition("?")[0])
