import json
import re
import shlex
from typing import Any

import pytest
import typer
from graphql import parse, validate

from gateway.cli import app
from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.project.markdown import blocks, first_cells
from tests.project.tree import ROOT
from tests.world import running_world

README = (ROOT / "README.md").read_text()
MOST_LINES = 110


def set_up(last: str) -> list[list[str]]:
    """The single line that ends in this command, as its commands, each as its words."""
    (line,) = [line for line in "\n".join(blocks(README, "sh")).splitlines() if line.endswith(f" && {last}")]
    return [shlex.split(command) for command in line.split(" && ")]


def shape(value: Any) -> Any:  # noqa: ANN401 - JSON
    """What JSON looks like apart from its values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


def test_it_is_read_in_a_page_and_a_half() -> None:
    assert len(README.splitlines()) <= MOST_LINES


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


def test_contributing_gives_the_same_line_to_set_up_as_the_readme() -> None:
    (line,) = blocks((ROOT / "CONTRIBUTING.md").read_text(), "sh")

    assert line in blocks(README, "sh")


async def test_the_query_over_all_three_upstreams_is_answered_as_shown() -> None:
    (query,) = blocks(README, "graphql")
    (shown,) = map(json.loads, blocks(README, "json"))

    async with running_world() as world:
        answer = await world.ask(query)

    assert shape(answer.json) == shape(shown)
    assert answer.data["deliveries"] == shown["data"]["deliveries"]


def test_the_query_is_valid_and_asks_every_upstream() -> None:
    (query,) = blocks(README, "graphql")

    assert validate(core_schema(build_schema()), parse(query)) == []
    assert all(field in query for field in ("deliveries", "smsJobs", "logisticsTasks"))


def test_every_command_is_explained() -> None:
    group = typer.main.get_group(app)

    explained = [cell.removeprefix("gateway ") for cell in first_cells(README) if re.fullmatch(r"gateway \w+", cell)]

    assert sorted(explained) == sorted(group.commands)


def test_the_screenshot_is_a_picture() -> None:
    assert (ROOT / "docs" / "ide.png").read_bytes().startswith(b"\x89PNG")
