"""Which fields of a response were made of stale records, and how old those are."""

from collections.abc import Iterable, Iterator
from typing import Any

from graphql.pyutils import Path

from resolvers.cache.reads import ReadSet

ResponsePath = tuple[str | int, ...]


def stale_paths(read_set: ReadSet, data: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return `extensions.gateway.stale`: the path of each field with a stale record, and its age in seconds.

    A record that is the value of a field is reported there; one that a resolver's coroutine made a value from, at the
    field of that resolver.

    Args:
        read_set: Of the operation.
        data: Of the response.
    """
    containers = dict(_containers(data, ()))
    ages: dict[ResponsePath, float] = {}
    for read, age in read_set.stale.items():
        paths = _paths(read_set.places.get(read, ()), containers) or _paths(read_set.fields.get(read, ()), containers)
        for path in paths:
            ages[path] = max(age, ages.get(path, 0.0))
    return [{"path": list(path), "ageSeconds": round(age, 3)} for path, age in ages.items()]


def _paths(places: Iterable[Any], containers: dict[int, ResponsePath]) -> list[ResponsePath]:
    """Return the paths of places that are in the response.

    graphql-core's executor gives paths. Compiled execution gives an object or list of the response and the key in it;
    where its attempt was given up, they are not part of the response.
    """
    paths: list[ResponsePath] = []
    for place in places:
        if isinstance(place, Path):
            paths.append(tuple(place.as_list()))
        elif id(place[0]) in containers:
            paths.append((*containers[id(place[0])], place[1]))
    return paths


def _containers(value: Any, path: ResponsePath) -> Iterator[tuple[int, ResponsePath]]:  # noqa: ANN401 - JSON
    """Yield the identity and the path of each object and list of a response."""
    if isinstance(value, dict):
        yield id(value), path
        for name, member in value.items():
            yield from _containers(member, (*path, name))
    elif isinstance(value, list):
        yield id(value), path
        for number, item in enumerate(value):
            yield from _containers(item, (*path, number))
