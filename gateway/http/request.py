"""Reads a GraphQL request from an HTTP request: headers, body or query string, and the checks of their form."""

import re
from itertools import count
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Message, Receive, Scope

from gateway.http.negotiation import is_json_in_utf8
from gateway.http.refusals import BadRequest, BodyTooLarge, ClientGone, CompressedBody, UnsupportedMediaType
from gateway.operations.request import GraphQLRequest

Headers = dict[bytes, bytes]
"""The headers of one request by name, in lower case."""

MAX_DEPTH = 100
"""Nesting depth of variables and extensions: far beyond any input type, far below Python's recursion limit."""

MAX_CONTAINERS = 50_000
"""Objects and lists in variables that are checked for depth; requests with more are refused later for their number."""

NO_BATCHES = "Batches are not accepted here; send each operation as a request of its own."

_SMALLEST_BATCH = 2
_CONTAINERS = (dict, list)

TICKET = "ticket"
"""The parameter of a query string that stands for credentials."""

_PARAMETERS = frozenset({TICKET, "query", "operationName", "variables", "extensions", "documentId", "doc_id", "id"})


# Not tracked by the garbage collector: what is decoded from JSON is in no cycle.
class _Parameters(msgspec.Struct, gc=False):
    query: str | None = None
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = msgspec.field(default=None, name="documentId")
    doc_id: str | None = None
    id: Any = None

    @property
    def document_name(self) -> str | None:
        """The persisted document's id; `id` counts only as text, since clients use it for other things as well."""
        return self.document_id or self.doc_id or (self.id if isinstance(self.id, str) else None)


_decode_body = msgspec.json.Decoder(_Parameters).decode
_decode_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_map = msgspec.json.Decoder(dict[str, Any] | None).decode


def headers_of(scope: Scope) -> Headers:
    """Return the headers by name; the values of a repeated header are joined by commas.

    A repeated header that cannot be a list, such as Content-Type, becomes a value that fails its check.
    """
    pairs = scope["headers"]
    headers: Headers = dict(pairs)
    return headers if len(headers) == len(pairs) else _joined(pairs)


def _joined(pairs: list[tuple[bytes, bytes]]) -> Headers:
    # HTTP defines lists so (RFC 9110, 5.3).
    headers: Headers = {}
    for name, value in pairs:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def check_post(headers: Headers, max_body_bytes: int) -> None:
    """Check the headers of a POST before its body is read.

    Args:
        headers: The headers of the HTTP request.
        max_body_bytes: The largest accepted body, in bytes.

    Raises:
        UnsupportedMediaType: The body is not declared as JSON in UTF-8, or is compressed.
        BodyTooLarge: The declared length is over the limit.
    """
    content_type = headers.get(b"content-type", b"")
    # The spelling that nearly all clients use needs no parser.
    if content_type != b"application/json" and not is_json_in_utf8(content_type):
        raise UnsupportedMediaType(
            "A POST must have `Content-Type: application/json` (in UTF-8); forms and plain text, which pages of other "
            "sites can send unasked, are never accepted."
        )
    # Refused and not unpacked: a small body may unpack to any size.
    if b"content-encoding" in headers:
        raise CompressedBody
    # The server's parser has refused a length that is no number.
    if int(headers.get(b"content-length", 0)) > max_body_bytes:
        raise BodyTooLarge(max_body_bytes)


def whole_body(message: Message, max_body_bytes: int) -> bytes | None:
    """Return the body of a POST that arrived in one piece, as most do; None if `read_body` has to read on.

    Args:
        message: The first message of ASGI's `receive`.
        max_body_bytes: The largest accepted body, in bytes.

    Raises:
        BodyTooLarge: The real length is over the limit.
    """
    if message["type"] != "http.request" or message.get("more_body", False):
        return None
    body: bytes = message.get("body", b"")
    if len(body) > max_body_bytes:
        raise BodyTooLarge(max_body_bytes)
    return body


async def read_body(message: Message, receive: Receive, max_body_bytes: int) -> bytes:
    """Read the body of a POST to its end.

    Args:
        message: The first message of ASGI's `receive`.
        receive: ASGI's `receive`, which returns the rest.
        max_body_bytes: The largest accepted body, in bytes.

    Raises:
        BodyTooLarge: The real length is over the limit.
        ClientGone: The connection closed before its end.
    """
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > max_body_bytes:
            raise BodyTooLarge(max_body_bytes)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    raise ClientGone


def decode_post(body: bytes, request_id: str) -> GraphQLRequest:
    """Decode the GraphQL request in the body of a POST.

    Args:
        body: The whole body.
        request_id: The request's id.

    Raises:
        BadRequest: It is not a GraphQL request.
    """
    try:
        parameters = _decode_body(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _body_refusal(body, error) from None
    return _checked(parameters, body, may_mutate=True, request_id=request_id)


def decode_operations(
    body: bytes, request_id: str, max_batch: int
) -> "GraphQLRequest | list[GraphQLRequest | BadRequest]":
    """Decode the GraphQL request in the body of a POST, or the batch of requests.

    Args:
        body: The whole body.
        request_id: The request's id; those of the requests of a batch are `<id>.0`, `<id>.1` and so on.
        max_batch: The most requests of a batch; with less than 2, batches are refused.

    Returns:
        The request; for a batch its requests, or what is wrong with each.

    Raises:
        BadRequest: It is neither, or the batch is too large.
    """
    try:
        parameters = _decode_body(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Looked at only now, because nearly all bodies are objects.
        if isinstance(error, msgspec.ValidationError) and body.lstrip().startswith(b"["):
            return _batch(body, request_id, max_batch)
        raise _body_refusal(body, error) from None
    return _checked(parameters, body, may_mutate=True, request_id=request_id)


def _batch(body: bytes, request_id: str, max_batch: int) -> "list[GraphQLRequest | BadRequest]":
    if max_batch < _SMALLEST_BATCH:
        raise BadRequest(NO_BATCHES)
    try:
        parts = _decode_parts(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _body_refusal(body, error) from None
    if not 0 < len(parts) <= max_batch:
        raise BadRequest(f"A batch holds 1 to {max_batch} operations; this one has {len(parts)}.")
    return [_part(bytes(part), f"{request_id}.{place}") for place, part in enumerate(parts)]


def _part(text: bytes, request_id: str) -> "GraphQLRequest | BadRequest":
    try:
        return decode_post(text, request_id)
    except BadRequest as error:
        return error


def decode_get(query_string: bytes, request_id: str) -> GraphQLRequest:
    """Decode the GraphQL request in the query string of a GET.

    Args:
        query_string: The URL-encoded query string.
        request_id: The request's id.

    Raises:
        BadRequest: It is not a GraphQL request.
    """
    given = _query_parameters(query_string)
    if TICKET in given:
        raise BadRequest("A ticket opens a stream of server-sent events by GET, and nothing else.")
    parameters = _Parameters(
        query=given.get("query"),
        operation_name=given.get("operationName"),
        variables=_json_parameter(given, "variables"),
        extensions=_json_parameter(given, "extensions"),
        document_id=given.get("documentId"),
        doc_id=given.get("doc_id"),
        id=given.get("id"),
    )
    return _checked(parameters, "".join(given.values()).encode(), may_mutate=False, request_id=request_id)


def _body_refusal(body: bytes, error: Exception) -> BadRequest:
    # The likeliest mistakes have messages of their own; the parser's words would not say what to do.
    if isinstance(error, RecursionError):
        return _too_deep()
    if not body:
        return BadRequest("The request body is empty; send a JSON object with the member `query`.")
    if body.lstrip().startswith(b"["):
        return BadRequest(NO_BATCHES)
    if isinstance(error, msgspec.ValidationError):
        return BadRequest(f"The request body is no GraphQL request: {error}.")
    return BadRequest(f"The request body is no valid JSON in UTF-8: {error}.")


def _query_parameters(query_string: bytes) -> dict[str, str]:
    try:
        # Empty values are dropped, as the specification asks.
        pairs = parse_qsl(query_string.decode("ascii"), errors="strict", max_num_fields=100)
    except ValueError:
        raise BadRequest("The query string is not URL-encoded UTF-8 of at most 100 parameters.") from None
    ours = [pair for pair in pairs if pair[0] in _PARAMETERS]
    given = dict(ours)
    if len(given) != len(ours):
        raise BadRequest("A parameter of the query string is given more than once; give each once.")
    return given


def _json_parameter(given: dict[str, str], name: str) -> dict[str, Any] | None:
    if name not in given:
        return None
    try:
        value: dict[str, Any] | None = _decode_map(given[name])
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"The parameter `{name}` is no JSON object: {error}.") from None
    return value


def _checked(parameters: _Parameters, text: bytes, *, may_mutate: bool, request_id: str) -> GraphQLRequest:
    """Build the request and check its form.

    Args:
        parameters: The decoded parameters.
        text: The text that they were decoded from.
        may_mutate: Whether the HTTP method allows mutations.
        request_id: The request's id.
    """
    variables, extensions = parameters.variables, parameters.extensions
    if (variables and _too_nested(variables, text)) or (extensions and _too_nested(extensions, text)):
        raise _too_deep()
    # Clients that send a persisted document's id, or no operation name, may send an empty string instead of nothing.
    query, name = parameters.query or None, None
    if query is None:
        name = parameters.document_name
        if name is None and not (extensions and "persistedQuery" in extensions):
            raise BadRequest("The parameter `query` is missing; it holds the GraphQL document.")
    operation_name = parameters.operation_name or None
    return GraphQLRequest(query, operation_name, variables, extensions, may_mutate, request_id, name, len(text))


def _too_nested(parameter: dict[str, Any], text: bytes) -> bool:
    for value in parameter.values():
        if isinstance(value, _CONTAINERS):
            # A cheap test first: hardly any text has so many brackets in all.
            return text.count(b"{") + text.count(b"[") > MAX_DEPTH and _deeper_than(MAX_DEPTH + 1, parameter)
    return False


def _deeper_than(levels: int, container: dict[str, Any] | list[Any]) -> bool:
    level: list[Any] = [container]
    seen = 0
    while level and levels:
        levels -= 1
        seen += len(level)
        if seen > MAX_CONTAINERS:
            return False
        inner = (outer.values() if isinstance(outer, dict) else outer for outer in level)
        level = [value for values in inner for value in values if isinstance(value, _CONTAINERS)]
    return bool(level)


def _too_deep() -> BadRequest:
    return BadRequest(f"The request is nested too deeply; variables and extensions may have {MAX_DEPTH} levels.")


REQUEST_ID = "gateway.request_id"
"""The key of the ASGI scope under which handlers find the request's id, a str."""

_valid = re.compile(rb"[!-~]{1,128}").fullmatch


class RequestIds:
    """Takes over the ids that clients send, and generates the others; process lifetime.

    A generated id is a random prefix of the process and a counter.
    """

    def __init__(self) -> None:
        # Random once, because new randomness for each request costs more than a counter.
        self._process = token_hex(6)
        self._numbers = count(1)

    def of(self, headers: Headers) -> str:
        """Return the request's id: its X-Request-ID if that is 1 to 128 printable ASCII characters without a space."""
        given = headers.get(b"x-request-id")
        if given is not None and _valid(given):
            return given.decode("ascii")
        return f"{self._process}-{next(self._numbers)}"
