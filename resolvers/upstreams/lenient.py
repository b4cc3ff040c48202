"""Reads answers that differ from what their vendor documents.

Theory of operation. `answers.decode`, through which all clients decode their answers, decodes strictly first, which is
fast. Only if that fails is the answer read here, once more and value by value, by this rule:

- A value that says the same in another form is read.
- An optional field that cannot be read is left out, as if the vendor had not sent it.
- A record of a list whose required fields cannot be read becomes an `UnreadableRecord` in its place.
- A single record whose required fields cannot be read, or a body that is no JSON, fails as a whole.

Required are an id, which must not be empty, and a status. A field that is never null in the schema is optional here all
the same, and its absence is an error only of the query that selects it (`promised_at` in `fields.py`).

Forms that are read: text for numbers and numbers for text, `1`, `0`, `"true"` and `"false"` for booleans, `[]` for an
empty object and, within an answer, `{}` or null for an empty list, a whole number with a fraction of zero, instants
without a zone or with a `z`, a byte order mark, bytes that are no UTF-8 and halves of surrogate pairs (which are
replaced, because no response, cache or log could encode them).
`docs/upstream-quirks.md` says where each of them comes from. Vocabularies are read in any case of letters by `Words` in
`resolvers/upstreams/fields.py`, and refusals by `resolvers/upstreams/error_body.py`.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from types import NoneType
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from resolvers.upstreams.fields import instant

Record = TypeVar("Record")

# Up to 30 digits, because Python reads longer texts in quadratic time, and no documented number has as many.
_WHOLE: Final = re.compile(r"\s*([+-]?[0-9]{1,30})(?:\.0*)?\s*", re.ASCII)
_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
# Every escape, so that `\\ud83d` within `\\\\ud83d` is not taken for one; half of a surrogate pair is the group.
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_BOOLEANS: Final[Mapping[object, bool]] = {"true": True, "false": False, "1": True, "0": False, 1: True, 0: False}


class UnreadableRecord(msgspec.Struct, frozen=True, gc=False):
    """Stands in a list in place of a record that could not be read. Lifetime: that of the list.

    Args:
        own_id: The upstream's own id of the record; None if that could not be read either.
        reason: The value that could not be read, and its place.
    """

    own_id: str | None
    reason: str


class UnreadableError(Exception):
    """A value cannot be read as its type; the message names its place and the fault."""


def read(kind: Any, body: bytes) -> Any:  # noqa: ANN401 - a value of `kind`
    """Return the value that a body holds, read by the rule above.

    Args:
        kind: The type of the value, as for a msgspec decoder.
        body: The answer's.

    Raises:
        UnreadableError: it cannot be read as that type.
    """
    return _read(_info(kind), parsed(body), "$")


def parsed(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON value of a body, with or without a byte order mark, all of whose texts UTF-8 can encode.

    Raises:
        UnreadableError: it is no JSON.
    """
    text = body.decode("utf-8-sig", errors="replace")
    if "\\u" in text:
        text = _ESCAPE.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"it is no JSON: {error}") from error


@lru_cache(maxsize=256)
def _info(kind: Any) -> inspect.Type:  # noqa: ANN401 - any type
    return inspect.type_info(kind)


def _read(info: inspect.Type, value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON, and any record
    reader = _READERS.get(type(info))
    if reader is None:
        # A field of type Any, or of a type that has no other forms.
        return value
    return reader(info, value, path)


def _struct(info: inspect.StructType, value: Any, path: str) -> Any:  # noqa: ANN401 - see _read
    if value == []:
        # PHP servers write an empty object like this, because they have one type for both.
        value = {}
    if not isinstance(value, dict):
        raise UnreadableError(f"{path} is no object")
    fields: dict[str, Any] = {}
    for field in info.fields:
        name = field.encode_name
        if name not in value:
            if field.required:
                raise UnreadableError(f"{path}.{name} is missing")
            continue
        try:
            fields[field.name] = _read(field.type, value[name], f"{path}.{name}")
        except UnreadableError:
            # An optional field keeps its default, because one odd value must not cost the whole record.
            if field.required:
                raise
    return cast("Callable[..., Any]", info.cls)(**fields)


def _list(info: inspect.ListType | inspect.VarTupleType, value: Any, path: str) -> Any:  # noqa: ANN401 - see _read
    # Not if the list is the whole body, because null there says nothing about the records.
    if path != "$" and (value is None or value == {}):
        value = []
    if not isinstance(value, list):
        raise UnreadableError(f"{path} is no list")
    items = []
    for number, item in enumerate(value):
        try:
            items.append(_read(info.item_type, item, f"{path}[{number}]"))
        except UnreadableError as error:
            # A value that is no record is left out, because no list of plain values has a place for an error.
            if isinstance(info.item_type, inspect.StructType):
                items.append(UnreadableRecord(_own_id(info.item_type, item), str(error)))
    return tuple(items) if isinstance(info, inspect.VarTupleType) else items


def _own_id(info: inspect.StructType, value: object) -> str | None:
    """Return the id of a record that could not be read; None if that cannot be read either."""
    name = next((field.encode_name for field in info.fields if field.encode_name in _ID_NAMES), None)
    own_id = value.get(name) if isinstance(value, dict) and name is not None else None
    return str(own_id) if isinstance(own_id, str | int) and not isinstance(own_id, bool) and own_id != "" else None


_ID_NAMES: Final = frozenset({"id", "jobId", "smsId"})
"""The names of ids on the wire; each type of record has one of them."""


def _object(info: inspect.DictType, value: Any, path: str) -> Any:  # noqa: ANN401 - see _read
    del info
    if value == []:
        # As in `_struct`.
        return {}
    if not isinstance(value, dict):
        raise UnreadableError(f"{path} is no object")
    return value


def _union(info: inspect.UnionType, value: Any, path: str) -> Any:  # noqa: ANN401 - see _read
    """Return the value read as the alternative that has its type, or else as the first that can be read."""
    kinds = tuple(type(one) for one in info.types)
    if value is None and inspect.NoneType in kinds:
        return None
    error: UnreadableError | None = None
    # Sorted, because an alternative of another type would convert a value that needs no conversion.
    for one in sorted(info.types, key=lambda one: not _fits(one, value)):
        if not isinstance(one, inspect.NoneType):
            try:
                return _read(one, value, path)
            except UnreadableError as failure:
                error = error or failure
    if value == [] and inspect.NoneType in kinds:
        # An empty object without its required fields: the upstream writes one where it has no record.
        return None
    raise error or UnreadableError(f"{path} must be null")


def _fits(info: inspect.Type, value: object) -> bool:
    # Booleans apart, because to Python they are whole numbers.
    return isinstance(value, _PLAIN.get(type(info), ())) and (
        not isinstance(value, bool) or isinstance(info, inspect.BoolType)
    )


def _whole(info: inspect.IntType, value: Any, path: str) -> int:  # noqa: ANN401 - see _read
    number: int | None = None
    if isinstance(value, str) and (match := _WHOLE.fullmatch(value)):
        number = int(match[1])
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if number is None:
        raise UnreadableError(f"{path} is no whole number")
    if (info.ge is not None and number < info.ge) or (info.le is not None and number > info.le):
        raise UnreadableError(f"{path} is out of bounds")
    return number


def _number(info: inspect.FloatType, value: Any, path: str) -> float:  # noqa: ANN401 - see _read
    del info
    if isinstance(value, bool) or not (
        isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value))
    ):
        raise UnreadableError(f"{path} is no number")
    try:
        number = float(value)
    except OverflowError:
        # A whole number that is too large for a float.
        number = math.inf
    if not math.isfinite(number):
        raise UnreadableError(f"{path} is no finite number")
    return number


def _text(info: inspect.StrType, value: Any, path: str) -> str:  # noqa: ANN401 - see _read
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnreadableError(f"{path} is no text")
    # 17.0 is the text 17, because servers with floats only write whole numbers like that.
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if len(text) < (info.min_length or 0):
        raise UnreadableError(f"{path} is empty")
    return text


def _boolean(info: inspect.BoolType, value: Any, path: str) -> bool:  # noqa: ANN401 - see _read
    del info
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, str | int | float) and word in _BOOLEANS:
        return _BOOLEANS[word]
    raise UnreadableError(f"{path} is neither true nor false")


def _instant(info: inspect.DateTimeType, value: Any, path: str) -> datetime:  # noqa: ANN401 - see _read
    del info
    moment = instant(value)
    if moment is None:
        raise UnreadableError(f"{path} is no instant")
    return moment


_READERS: Final[dict[type, Callable[[Any, Any, str], Any]]] = {
    inspect.StructType: _struct,
    inspect.ListType: _list,
    inspect.VarTupleType: _list,
    inspect.DictType: _object,
    inspect.UnionType: _union,
    inspect.IntType: _whole,
    inspect.FloatType: _number,
    inspect.StrType: _text,
    inspect.BoolType: _boolean,
    inspect.DateTimeType: _instant,
}

_PLAIN: Final[dict[type, tuple[type, ...]]] = {
    inspect.StructType: (dict,),
    inspect.DictType: (dict,),
    inspect.ListType: (list,),
    inspect.VarTupleType: (list,),
    inspect.IntType: (int,),
    inspect.FloatType: (int, float),
    inspect.StrType: (str,),
    inspect.BoolType: (bool,),
    inspect.DateTimeType: (str,),
    inspect.NoneType: (NoneType,),
}
