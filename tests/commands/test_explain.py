import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.commands.explain import local_url, run
from gateway.commands.sandbox import sandbox_environment
from gateway.settings.loading import unknown_settings
from tests.world import World, running_world

KEY: Final = "a-key-for-explain"
QUERY: Final = (
    "query Listed($n: Int) { deliveries(first: $n) { nodes { product { name } } } } query Other { __typename }"
)

Explain = Callable[..., Any]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world() as running:
        yield running


@pytest.fixture
def document(tmp_path: Path) -> str:
    file = tmp_path / "query.graphql"
    file.write_text(QUERY)
    return str(file)


@pytest.fixture
def variables(tmp_path: Path) -> str:
    file = tmp_path / "variables.json"
    file.write_text('{"n": 3}')
    return str(file)


async def test_an_operation_is_run_and_drawn(
    world: World, document: str, variables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"url": world.url, "operation": "Listed", "variables": variables}
    code = await asyncio.to_thread(run, {}, document, **options)

    shown = capsys.readouterr()
    assert (code, shown.err) == (0, "")
    assert shown.out.startswith("Listed: ")
    assert "Cost: estimated 4 calls and 7 objects, used " in shown.out
    assert "deliveries.nodes.product x3" in shown.out
    assert "\x1b" not in shown.out


async def test_a_plan_runs_nothing(
    world: World, document: str, variables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"url": world.url, "operation": "Listed", "variables": variables, "plan": True}
    code = await asyncio.to_thread(run, {}, document, **options)

    assert code == 0
    assert "  calls          4 of at most 300" in capsys.readouterr().out
    assert world.requests == []


async def test_json_has_what_the_gateway_said(
    world: World, document: str, variables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"url": world.url, "operation": "Listed", "variables": variables, "as_json": True}
    code = await asyncio.to_thread(run, {}, document, **options)

    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert shown.keys() == {"operation", "milliseconds", "calls", "fields", "cost", "errors"}
    assert (shown["operation"], shown["errors"]) == ("Listed", [])


@pytest.mark.parametrize(
    ("encoding", "environment", "shown"),
    [
        ("utf-8", {}, "\x1b[32m█"),
        ("utf-8", {"NO_COLOR": "1"}, "  █"),
        ("ascii", {"NO_COLOR": "1"}, "  #"),
        ("latin-1", {"NO_COLOR": "1"}, "  #"),
    ],
)
async def test_a_terminal_gets_what_it_can_show(
    encoding: str, environment: dict[str, str], shown: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, "{ smsApiVersion { majorVersion } }")
    terminal = Terminal(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", terminal)

    code = await asyncio.to_thread(run, {"TERM": "xterm", **environment}, "-", url=world.url)

    terminal.seek(0)
    assert code == 0
    assert shown in terminal.read()


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


async def test_the_start_of_a_subscription_has_a_plan(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, 'subscription S { statusChanged(ids: ["Delivery:1"]) { kind } }')

    assert await asyncio.to_thread(run, {}, "-", url=world.url, plan=True) == 0
    assert capsys.readouterr().out.startswith("Plan of S\n")


async def test_a_failed_operation_shows_its_errors_and_its_waterfall(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, "{ deliveries(first: 1) { nodes { id } } }")
    await world.client.put(f"{world.urls.deliveries}/_sandbox/faults", json={"outage": "503"})

    code = await asyncio.to_thread(run, {}, "-", url=world.url)

    shown = capsys.readouterr()
    assert code == 1
    assert shown.err.startswith("deliveries: UPSTREAM_UNAVAILABLE: ")
    assert shown.out.startswith("query: ")


@pytest.mark.parametrize("by_file", [True, False], ids=["file", "environment"])
async def test_a_key_comes_from_a_file_or_the_environment(
    by_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    settings = {"GATEWAY_AUTH__API_KEYS__TEST": sha256(KEY.encode()).hexdigest(), "GATEWAY_AUTH__ANONYMOUS": "false"}
    async with running_world(settings) as world:
        codes = []
        for environment, options in (
            ({}, {"key_file": str(file)}) if by_file else ({"GATEWAY_EXPLAIN_KEY": KEY}, {}),
            ({}, {}),
        ):
            given(monkeypatch, "{ smsApiVersion { majorVersion } }")
            codes.append(await asyncio.to_thread(run, environment, "-", url=world.url, **options))

    assert codes == [0, 1]
    assert capsys.readouterr().err.startswith("UNAUTHENTICATED: ")


async def test_it_runs_in_process_over_the_settings(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, "{ smsApiVersion { majorVersion } }")
    environment = sandbox_environment(world.urls, 0, tmp_path)
    # Whoever has the settings needs no key.
    del environment["GATEWAY_AUTH__ANONYMOUS"]
    environment["GATEWAY_AUTH__API_KEYS__TEST"] = sha256(KEY.encode()).hexdigest()

    code = await asyncio.to_thread(run, environment, "-", in_process=True)

    assert code == 0
    assert "SMS version" in capsys.readouterr().out
    assert [request.path for request in world.requests] == ["/rest/v1/version"]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("{ a ", {}, "-:1:5: Syntax Error: "),
        ("{ a } query B { b }", {}, "- has several operations or none; name one with --operation"),
        ("{ a }", {"operation": "B"}, "- has no operation 'B'"),
        ("subscription S { a }", {}, "S is a subscription, which never ends"),
        ("{ a }", {"url": "ftp://host"}, "--url must begin with http:// or https://, not 'ftp://host'"),
        ("{ a }", {"variables": "/nowhere"}, "/nowhere cannot be read: No such file or directory"),
        ("{ a }", {"variables": __file__}, f"{__file__} is no JSON object with the values of variables"),
        ("{ a }", {"key_file": "/dev/null"}, "/dev/null holds no API key"),
        ("{ a }", {"key_file": __file__}, f"the API key of {__file__} has characters that no key has"),
    ],
)
def test_unusable_input_is_one_clear_line(
    text: str, options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, text)

    assert run({}, "-", **options) == 2
    assert capsys.readouterr().err.startswith(f"gateway explain: {said}")


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given(monkeypatch, "{ a }")

    assert run({"GATEWAY_PORT": "none"}, "-", in_process=True) == 2
    assert capsys.readouterr().err.startswith("gateway explain: GATEWAY_PORT: ")


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "latin").write_bytes(b"\xff")

    assert [run({}, str(tmp_path / name)) for name in ("none", "latin")] == [2, 2]
    assert "none cannot be read: No such file or directory" in (said := capsys.readouterr().err)
    assert "latin is not UTF-8" in said


def test_a_gateway_that_is_not_there_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, "{ a }")

    assert run({"GATEWAY_PORT": "1"}, "-") == 1
    assert "http://127.0.0.1:1/graphql cannot be reached" in capsys.readouterr().err


async def test_something_else_than_a_gateway_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, "{ a }")

    assert await asyncio.to_thread(run, {}, "-", url=f"{world.url}/metrics") == 1
    assert "answered HTTP 405, and not as a gateway does" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:8000/graphql"),
        ({"GATEWAY_HOST": "0.0.0.0", "GATEWAY_PORT": "81"}, "http://127.0.0.1:81/graphql"),  # noqa: S104 - not listened on
        ({"GATEWAY_HOST": "::"}, "http://[::1]:8000/graphql"),
        ({"GATEWAY_HOST": "gateway.internal"}, "http://gateway.internal:8000/graphql"),
    ],
)
def test_the_local_gateway_is_where_the_settings_start_it(environment: dict[str, str], url: str) -> None:
    assert local_url(environment) == url


def test_the_key_in_the_environment_is_no_misspelt_setting() -> None:
    assert unknown_settings({"GATEWAY_EXPLAIN_KEY": "a", "GATEWAY_NONE": "b"})[0].startswith("GATEWAY_NONE: ")
    assert unknown_settings({"GATEWAY_EXPLAIN_KEY": "a"}) == []


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put a text on standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
