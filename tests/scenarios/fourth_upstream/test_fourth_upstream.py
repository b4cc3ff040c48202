"""An upstream from outside of the packages has all that the gateway's own have, without an edit in them."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

ROOT = Path(__file__).parents[3]


@dataclass
class Served:
    """A gateway with four upstreams in a process of its own."""

    gateway: str
    notes: str

    def ask(self, query: str, explain: str | None = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"x-gateway-explain": explain} if explain else {}
        response = httpx.post(f"{self.gateway}/graphql", json={"query": query}, headers=headers, trust_env=False)
        return orjson.loads(response.content)

    @property
    def requests(self) -> list[str]:
        found: list[str] = orjson.loads(httpx.get(f"{self.notes}/requests", trust_env=False).content)
        return found


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    command = [sys.executable, "-m", "tests.scenarios.fourth_upstream.serve"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        yield Served(**orjson.loads(process.stdout.readline()))
        process.communicate(timeout=20)


def test_a_record_is_read_once_and_then_kept(served: Served) -> None:
    query = '{ note(id: "2") { id text progress rawStatus final } }'
    expected = {"id": "Note:2", "text": "Note 2", "progress": "SUCCEEDED", "rawStatus": "done", "final": True}

    answers = [served.ask(query), served.ask(query), served.ask('{ note(id: "Note:2") { text } }')]

    assert answers == [{"data": {"note": expected}}] * 2 + [{"data": {"note": {"text": "Note 2"}}}]
    assert [one for one in served.requests if one.startswith("/notes/2 ")] == ["/notes/2 Bearer notes token"]


def test_a_record_is_found_by_its_global_id_among_others(served: Served) -> None:
    answer = served.ask('{ node(id: "Note:3") { id ... on Note { text } } nodes(ids: ["Note:3", "Note:44"]) { id } }')

    assert answer["data"] == {"node": {"id": "Note:3", "text": "Note 3"}, "nodes": [{"id": "Note:3"}, None]}


def test_what_can_be_no_id_is_refused_in_its_form(served: Served) -> None:
    (error,) = served.ask('{ note(id: "Note:x") { id } }')["errors"]
    (unknown,) = served.ask('{ node(id: "Letter:1") { id } }')["errors"]

    assert '"Note:x" is no id of a Note: that is a number' in error["message"]
    assert "Note" in unknown["message"].partition("Kinds are ")[2].split(", ")


def test_its_cost_is_planned_without_a_call(served: Served) -> None:
    before = served.requests

    plan = served.ask('{ note(id: "4") { text } b: node(id: "Note:5") { id } }', explain="plan")

    assert plan["extensions"]["gateway"]["plan"]["calls"] == [{"upstream": "NOTES", "operation": "note", "count": 2}]
    assert served.requests == before


def test_its_calls_are_explained(served: Served) -> None:
    first = served.ask('{ note(id: "6") { text } }', explain="1")["extensions"]["gateway"]["calls"]
    second = served.ask('{ note(id: "6") { text } }', explain="1")["extensions"]["gateway"]["calls"]

    assert [(one["upstream"], one["path"], one["cache"]) for one in first] == [("NOTES", "/notes/6", "miss")]
    assert [(one["upstream"], one["path"], one["cache"]) for one in second] == [("NOTES", "/notes/6", "hit")]


def test_it_has_metrics_and_a_state(served: Served) -> None:
    served.ask('{ note(id: "7") { text } }')

    metrics = httpx.get(f"{served.gateway}/metrics", trust_env=False).text
    states = served.ask("{ upstreams { name state } }")["data"]["upstreams"]

    assert 'upstream="NOTES"' in metrics
    assert {"name": "NOTES", "state": "HEALTHY"} in states
    assert {"name": "SMS", "state": "UNCONFIGURED"} in states


def test_its_status_is_followed(served: Served) -> None:
    query = 'subscription { statusChanged(ids: ["Note:1"]) { kind rawStatus node { id ... on Note { text } } } }'
    headers = {"accept": "text/event-stream"}
    with httpx.stream(
        "POST", f"{served.gateway}/graphql", json={"query": query}, headers=headers, timeout=20, trust_env=False
    ) as stream:
        event = next(line for line in stream.iter_lines() if line.startswith("data:") and "statusChanged" in line)

    told = orjson.loads(event.removeprefix("data:"))["data"]["statusChanged"]
    assert told == {"kind": "SNAPSHOT", "rawStatus": "open", "node": {"id": "Note:1", "text": "Note 1"}}


def test_the_schema_names_it(served: Served) -> None:
    names = served.ask('{ __type(name: "UpstreamName") { enumValues { name description } } }')

    assert {"name": "NOTES", "description": "Notes about anything."} in names["data"]["__type"]["enumValues"]
