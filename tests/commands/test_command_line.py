import subprocess
import sys

import pytest
from graphql import build_schema as read_schema

from gateway.cli import app
from tests.commands.running import ROOT


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-c", "from gateway.cli import main; main()", *arguments]
    return subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env={}, capture_output=True, text=True, timeout=30, check=False
    )


def test_there_are_six_commands() -> None:
    assert [command.callback.__name__ for command in app.registered_commands if command.callback] == [
        "serve",
        "sandbox",
        "simulators",
        "schema",
        "check",
        "explain",
    ]


@pytest.mark.parametrize(
    ("arguments", "mentioned"),
    [
        ([], ["serve", "sandbox", "simulators", "schema", "check", "explain", "GATEWAY_CONFIG"]),
        (["serve"], ["--host", "--port", "--workers", "GATEWAY_PORT", "Exit code 2"]),
        (["sandbox"], ["--port", "--seed", "--speed", "--no-webhooks", "simulated"]),
        (["simulators"], ["--host", "--port", "--seed", "--speed", "simulated"]),
        (["schema"], ["Print the schema"]),
        (["check"], ["every missing or wrong setting"]),
        (
            ["explain"],
            ["--url", "--key-file", "GATEWAY_EXPLAIN_KEY", "--plan", "--json", "--in-process", "Exit code 2"],
        ),
    ],
)
def test_each_command_explains_itself(arguments: list[str], mentioned: list[str]) -> None:
    ended = gateway(*arguments, "--help")

    assert ended.returncode == 0
    assert [word for word in mentioned if word not in ended.stdout] == []


def test_help_does_not_wait_for_what_the_commands_import() -> None:
    ended = gateway("--help")

    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert imported.isdisjoint({"strawberry", "fastapi", "uvicorn", "pydantic", "httpx"})


def test_schema_prints_sdl_that_can_be_read() -> None:
    ended = gateway("schema")

    assert ended.returncode == 0
    assert "priceQuote" in read_schema(ended.stdout).query_type.fields  # type: ignore[union-attr]  # it has one
