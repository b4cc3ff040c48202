"""`gateway explain`: run an operation of a file, and draw what it waited for in the terminal."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec
import uvicorn
from graphql import GraphQLError, OperationType, get_operation_ast, parse
from uvicorn.lifespan.on import LifespanOn

from gateway.app import create_app
from gateway.commands.waterfall import (
    BLOCKS,
    Explanation,
    PlannedCost,
    Style,
    draw,
    draw_errors,
    draw_plan,
)
from gateway.settings import SettingsProblems, load_settings
from gateway.settings.loading import read_values
from gateway.settings.problems import EXPLAIN_KEY

_FAILED: Final = 1
_WRONG_INPUT: Final = 2
_STANDARD_INPUT: Final = "-"
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not listened on
_ANONYMOUS: Final = {"GATEWAY_AUTH__ANONYMOUS": "true"}
PATIENCE_SECONDS: Final = 120.0
"""How long a response may take; the gateway's own deadline is shorter."""


class WrongInput(Exception):
    """The command was given something that it cannot use; the message is one line."""


class NotExplained(Exception):
    """No explanation came back; the message is one line."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line gives. Lifetime: command.

    Args:
        file: The file with the document; "-" is standard input.
        url: The gateway's; None for the local one.
        key_file: The file with an API key.
        variables: The file with the variables, as JSON.
        operation: The name of the operation in the document.
        plan: Whether to show the plan only, without running the operation.
        as_json: Whether to print JSON instead of a drawing.
        in_process: Whether to run over the settings of the environment, without a gateway that runs.
    """

    file: str
    url: str | None = None
    key_file: str | None = None
    variables: str | None = None
    operation: str | None = None
    plan: bool = False
    as_json: bool = False
    in_process: bool = False


@dataclass(frozen=True, slots=True)
class Explained:
    """A response. A value.

    Args:
        seconds: How long it took.
        gateway: Its `extensions.gateway`.
        errors: Its errors.
    """

    seconds: float
    gateway: Mapping[str, Any]
    errors: tuple[Mapping[str, Any], ...]


class _Extensions(msgspec.Struct):
    gateway: dict[str, Any] = {}


class _Response(msgspec.Struct):
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    extensions: _Extensions = msgspec.field(default_factory=_Extensions)
    errors: tuple[dict[str, Any], ...] = ()


def run(environment: Mapping[str, str], file: str, **given: Any) -> int:  # noqa: ANN401 - as `Options` has them
    """Run the operation, and write what it waited for to standard output.

    Args:
        environment: The settings, the API key, and NO_COLOR.
        file: The file with the document; "-" is standard input.
        given: The other `Options`.

    Returns:
        The exit code: 0; 2 for unusable input; 1 if the operation failed or no explanation came back.
    """
    options = Options(file, **given)
    try:
        body, title = _request(options)
        explained = asyncio.run(_explained(environment, options, body))
        lines = _lines(explained, title, options, _style(environment, sys.stdout))
    except (WrongInput, SettingsProblems) as problem:
        sys.stderr.write(f"gateway explain: {problem}\n")
        return _WRONG_INPUT
    except NotExplained as problem:
        sys.stderr.write(f"gateway explain: {problem}\n")
        return _FAILED
    _write("\n".join(lines), sys.stdout)
    # The JSON has them.
    if explained.errors and not options.as_json:
        _write("\n".join(draw_errors(explained.errors)), sys.stderr)
    return _FAILED if explained.errors else 0


def local_url(environment: Mapping[str, str]) -> str:
    """Return the address of the gateway that the settings of the environment start on this machine."""
    # Not the checked settings, because a client's machine need not have those of the upstreams.
    values = read_values(environment)
    host = str(values.get(("host",), "127.0.0.1"))
    host = _ANY_ADDRESS.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{values.get(('port',), 8000)}/graphql"


def _request(options: Options) -> tuple[dict[str, Any], str]:
    """Return the body of the request, and the operation's name.

    Raises:
        WrongInput: The file or the variables cannot be used.
    """
    query = _text(options.file)
    try:
        # Here as well as in the gateway, so that a mistake is shown at its place in the file.
        document = parse(query)
    except GraphQLError as error:
        where = f":{error.locations[0].line}:{error.locations[0].column}" if error.locations else ""
        raise WrongInput(f"{options.file}{where}: {error.message}") from None
    operation = get_operation_ast(document, options.operation)
    if operation is None:
        raise WrongInput(_no_operation(options))
    title = operation.name.value if operation.name else operation.operation.value
    if operation.operation is OperationType.SUBSCRIPTION and not options.plan:
        raise WrongInput(f"{title} is a subscription, which never ends; only its start can be estimated, by --plan")
    body = {"query": query, "operationName": operation.name.value if operation.name else None}
    return ({**body, "variables": _variables(options.variables)} if options.variables else body), title


def _no_operation(options: Options) -> str:
    if options.operation is None:
        return f"{options.file} has several operations or none; name one with --operation"
    return f"{options.file} has no operation {options.operation!r}"


def _text(name: str) -> str:
    try:
        content = sys.stdin.buffer.read() if name == _STANDARD_INPUT else Path(name).read_bytes()
        # Editors on Windows may write a byte order mark.
        return content.decode("utf-8-sig")
    except OSError as error:
        raise WrongInput(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongInput(f"{name} is not UTF-8") from None


def _variables(name: str) -> dict[str, Any]:
    try:
        variables: dict[str, Any] = msgspec.json.decode(_text(name), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise WrongInput(f"{name} is no JSON object with the values of variables: {error}") from None
    return variables


def _key(environment: Mapping[str, str], key_file: str | None) -> str | None:
    key = environment.get(EXPLAIN_KEY) if key_file is None else _text(key_file)
    key = (key or "").strip()
    if key_file is not None and not key:
        raise WrongInput(f"{key_file} holds no API key")
    if not (key.isascii() and key.isprintable()):
        raise WrongInput(f"the API key of {key_file or EXPLAIN_KEY} has characters that no key has")
    return key or None


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise WrongInput(f"--url must begin with http:// or https://, not {url!r}")
    return urlunsplit(parts._replace(path="/graphql")) if parts.path in {"", "/"} else url


async def _explained(environment: Mapping[str, str], options: Options, body: Mapping[str, Any]) -> Explained:
    key = _key(environment, options.key_file)
    headers = {"x-gateway-explain": "plan" if options.plan else "1", **({"x-api-key": key} if key else {})}
    async with AsyncExitStack() as stack:
        if options.in_process:
            # A name of this machine, which a GATEWAY_PUBLIC_URL on it demands (`OwnOrigin.is_asked_by_name`).
            url = "http://127.0.0.1/graphql"
            client = await stack.enter_async_context(_in_process(environment, anonymous=key is None))
        else:
            url = _endpoint(options.url or local_url(environment))
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_SECONDS))
        started = time.perf_counter()
        try:
            response = await client.post(url, json=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotExplained(f"{url} cannot be reached ({error}); start a gateway, or use --in-process") from None
        return _read(response, url, time.perf_counter() - started)


@asynccontextmanager
async def _in_process(environment: Mapping[str, str], *, anonymous: bool) -> AsyncIterator[httpx.AsyncClient]:
    """Run a gateway over the settings while the block runs.

    Args:
        environment: The settings.
        anonymous: Whether to be let in without a key: the settings hold the credentials of the upstreams themselves.
    """
    app = create_app(load_settings({**environment, **(_ANONYMOUS if anonymous else {})}))
    # By hand, because httpx's ASGITransport does not run the lifespan.
    lifespan = LifespanOn(uvicorn.Config(app, lifespan="on", log_config=None))
    await lifespan.startup()
    if lifespan.should_exit:
        raise NotExplained("the gateway did not start; the lines above say why")
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), timeout=PATIENCE_SECONDS) as client:
            yield client
    finally:
        await lifespan.shutdown()


def _read(response: httpx.Response, url: str, seconds: float) -> Explained:
    try:
        decoded = msgspec.json.decode(response.content, type=_Response)
    except msgspec.DecodeError:
        decoded = _Response()
    if not decoded.errors and decoded.data is msgspec.UNSET:
        raise NotExplained(f"{url} answered HTTP {response.status_code}, and not as a gateway does")
    return Explained(seconds, decoded.extensions.gateway, decoded.errors)


def _lines(explained: Explained, title: str, options: Options, style: Style) -> list[str]:
    """Return what is written to standard output.

    Raises:
        NotExplained: The response has neither errors nor an explanation.
    """
    gateway = explained.gateway
    if options.as_json:
        shown = {"operation": title, "milliseconds": round(explained.seconds * 1000, 3), **gateway}
        return [msgspec.json.encode({**shown, "errors": explained.errors}).decode()]
    try:
        if options.plan and "plan" in gateway:
            return list(draw_plan(title, msgspec.convert(gateway["plan"], PlannedCost), style))
        if "cost" in gateway:
            return list(draw(title, explained.seconds, msgspec.convert(gateway, Explanation), style))
    except msgspec.ValidationError as error:
        raise NotExplained(f"the explanation is of another version of the gateway: {error}") from None
    if not explained.errors:
        raise NotExplained("the response has no explanation: it came from no gateway, or from an older one")
    return []


def _style(environment: Mapping[str, str], stream: TextIO) -> Style:
    # https://no-color.org: any value but the empty one.
    colour = stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    try:
        BLOCKS.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return Style(colour, blocks=False)
    return Style(colour)


def _write(text: str, stream: TextIO) -> None:
    if text:
        # Names may have characters that the terminal lacks: a question mark is better than no drawing.
        encoding = stream.encoding or "ascii"
        stream.write(f"{text}\n".encode(encoding, "replace").decode(encoding))
