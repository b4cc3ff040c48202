import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from graphql import parse, validate

from gateway.cli import app
from gateway.operations.execution import core_schema
from resolvers.errors import GatewayError
from schema.root import build_schema
from tests.project.tree import ROOT
from tests.world import running_world

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)\n```", README, re.DOTALL)


def rows(section: str) -> list[str]:
    """The first cell of each row of the table under a heading."""
    return re.findall(r"^\| `([^`]+)` \|", README.partition(section)[2].partition("\n\n")[2], re.MULTILINE)


def set_up(last: str) -> list[list[str]]:
    """The single line that ends in this command, as its commands, each as its words."""
    (line,) = [line for line in "\n".join(blocks("sh")).splitlines() if line.endswith(f" && {last}")]
    return [shlex.split(command) for command in line.split(" && ")]


def kinds(error: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


def shape(value: Any) -> Any:  # noqa: ANN401 - JSON
    """What JSON looks like apart from its values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize(
    ("last", "lock"), [(".venv/bin/gateway sandbox", "requirements.txt"), (".venv/bin/pytest", "requirements-dev.txt")]
)
def test_one_line_sets_everything_up(last: str, lock: str) -> None:
    environment, dependencies, project, front_end, end = set_up(last)

    assert environment == ["python3", "-m", "venv", ".venv"]
    assert dependencies == [".venv/bin/pip", "install", "-r", lock]
    assert project == [".venv/bin/pip", "install", "--no-deps", "-e", "."]
    assert front_end == ["scripts/build-ide"]
    assert end == shlex.split(last)


async def test_the_query_over_all_three_upstreams_is_answered_as_shown() -> None:
    (query,) = blocks("graphql")
    (shown,) = map(json.loads, blocks("json"))

    async with running_world() as world:
        answer = await world.ask(query)

    assert shape(answer.json) == shape(shown)
    assert answer.data["deliveries"] == shown["data"]["deliveries"]


def test_the_query_is_valid_and_asks_every_upstream() -> None:
    (query,) = blocks("graphql")

    assert validate(core_schema(build_schema()), parse(query)) == []
    assert all(field in query for field in ("deliveries", "smsJobs", "logisticsTasks"))


def test_every_error_code_is_explained_and_nothing_else_is() -> None:
    explained = {code for code in rows("Errors carry") if code.isupper()}

    assert explained == {kind.code for kind in kinds(GatewayError)}


def test_every_command_is_explained() -> None:
    group = typer.main.get_group(app)

    explained = re.findall(r"^\| `gateway (\w+)` \|", README, re.MULTILINE)

    assert sorted(explained) == sorted(group.commands)


def test_every_file_that_is_named_is_there() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    named = re.findall(r"`((?:gateway|schema|resolvers|scripts|frontend|tests|\.ci)/[^`]*)`", README)

    missing = [name for name in {*linked, *named} if not (ROOT / name).exists() and not name.startswith("gateway/ide")]
    assert missing == []
    assert linked
    assert named


def test_the_screenshot_is_a_picture() -> None:
    assert (ROOT / "docs" / "ide.png").read_bytes().startswith(b"\x89PNG")
