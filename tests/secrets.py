"""A pytest plugin that fails the run if a log line or an answer of a gateway shows a secret of the tests.

It reads every log record of our own packages at any level, and those of other libraries from warnings on. It reads the
answers to an httpx client that is created with `event_hooks=ANSWERS_WATCHED`. Leaks are reported at the end of the run.
"""

import base64
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest

from gateway.sandbox.options import DeliveriesOptions, LogisticsOptions, SmsOptions
from gateway.telemetry.log import TextFormatter

WEBHOOK_SECRET: Final = "planted-webhook-secret"
"""For the settings of a gateway under test: the sandbox's own is a word that many answers hold."""

API_KEY: Final = "planted-api-key-of-a-caller"
"""For the requests of a caller under test."""

_OURS: Final = ("gateway", "schema", "resolvers")
_STREAMS: Final = ("text/event-stream", "multipart/")
_JSON_WEB_TOKEN: Final = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}")
_SESSION_TOKEN: Final = re.compile(r"gws_[\w-]{40,}")


def planted() -> dict[str, str]:
    """Return every secret that the tests give to a gateway, with its meaning."""
    logistics, deliveries, sms = LogisticsOptions(), DeliveriesOptions(), SmsOptions()
    signature = base64.b64encode(f"{logistics.client_key}:{logistics.secret_key}".encode()).decode()
    return {
        deliveries.password: "the password of the send-tasks API or of the SMS service",
        base64.b64encode(f"{sms.username}:{sms.password}".encode()).decode(): "the SMS service's Basic credentials",
        logistics.secret_key: "the partner's secret key",
        logistics.token: "the gateway's logistics token",
        logistics.restricted_token: "a logistics token",
        logistics.refresh_token: "the gateway's refresh token",
        signature.rstrip("="): "the partner's signature, as it stands in a path",
        WEBHOOK_SECRET: "the webhook's secret",
        API_KEY: "a caller's API key",
    }


@dataclass
class SecretWatch:
    """Searches log lines and answers for secrets. Lifetime: the test run."""

    secrets: dict[str, str] = field(default_factory=planted)
    leaks: list[str] = field(default_factory=list)

    def read_log_line(self, line: str) -> None:
        """Search a log line, which must not hold a session token either."""
        self._read("the log", line)
        if _SESSION_TOKEN.search(line):
            self._note("the log", "a session's token")

    async def read_answer(self, response: httpx.Response) -> None:
        """Search the headers of an answer, and its body unless that is a stream, which the test itself reads."""
        where = f"the answer to {response.request.method} {response.request.url.path}"
        self._read(where, "\n".join(f"{name}: {value}" for name, value in response.headers.items()))
        if not response.headers.get("content-type", "").startswith(_STREAMS):
            await response.aread()
            self._read(where, response.text)

    def _read(self, where: str, text: str) -> None:
        for secret, meaning in self.secrets.items():
            if secret in text:
                self._note(where, meaning)
        if _JSON_WEB_TOKEN.search(text):
            self._note(where, "a JSON Web Token")

    def _note(self, where: str, meaning: str) -> None:
        test = os.environ.get("PYTEST_CURRENT_TEST", "outside of tests").partition(" ")[0]
        self.leaks.append(f"{meaning} stands in {where}, during {test}")


class _LogReader(logging.Handler):
    """Passes each record to the watch, formatted as in the log. Lifetime: the test run."""

    def __init__(self, watch: SecretWatch) -> None:
        super().__init__()
        self._watch = watch
        self.setFormatter(TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.read_log_line(self.format(record))


WATCH: Final = SecretWatch()

ANSWERS_WATCHED: Final[dict[str, list[Any]]] = {"response": [WATCH.read_answer]}
"""The `event_hooks` of an httpx client of a gateway."""


def pytest_configure() -> None:
    """Start reading the log."""
    logging.getLogger().addHandler(_LogReader(WATCH))
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.DEBUG)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a secret leaked."""
    if WATCH.leaks and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which secrets leaked, and where."""
    for line in _report(WATCH.leaks):
        terminalreporter.write_line(line, red=True)


def _report(leaks: list[str]) -> Iterator[str]:
    if leaks:
        yield "Secrets leaked:"
        yield from (f"  {leak}" for leak in dict.fromkeys(leaks))
