"""Functions that complete values of a type: leaves, objects, lists."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

from gateway.operations.compiled.fallback import NotCovered
from gateway.operations.compiled.leaves import LeafType, leaf_source
from gateway.operations.compiled.run import Run

Complete: TypeAlias = Callable[[Any, Run], Any]
"""Turns a value into its part of the response."""


class Selected(Protocol):
    """What a place of a document asks of the objects that stand there."""

    def function_for(self, value: object, run: Run) -> Complete:
        """What completes a record and all others of its class."""
        ...


def missing() -> None:
    """A null where the schema promises a value.

    Raises:
        NotCovered: always.
    """
    raise NotCovered


def object_completer(selection: Selected) -> Complete:
    """A function for objects."""

    def complete_object(value: Any, run: Run) -> Any:  # noqa: ANN401 - a record of any kind
        if value is None:
            raise NotCovered
        return selection.function_for(value, run)(value, run)

    return complete_object


def leaf_completer(leaf: LeafType) -> Complete:
    """A function for scalars and enums."""
    names: dict[str, Any] = {"missing": missing}
    source = f"def complete(v, run):\n if v is None: missing()\n return {leaf_source(leaf, 'v', names)}"
    exec(compile(source, f"<leaf {leaf.name}>", "exec"), names)  # noqa: S102 - holds nothing of the client's
    return cast("Complete", names["complete"])


def list_completer(complete_item: Complete) -> Complete:
    """A function for lists of leaves and of lists."""

    def complete_list(values: Any, run: Run) -> list[Any]:  # noqa: ANN401 - any sequence
        _require_list(values)
        return [complete_item(value, run) for value in values]

    return complete_list


def object_list_completer(selection: Selected, complete_item: Complete) -> Complete:
    """A function for lists of objects, mostly of one class, some of which may still be on their way.

    Args:
        selection: What is asked of the objects.
        complete_item: Completes an item, None included where the list may hold it.
    """

    def complete_list(values: Any, run: Run) -> list[Any]:  # noqa: ANN401 - any sequence
        _require_list(values)
        first = values[0] if values else None
        if first is not None and not hasattr(first, "__await__") and len(set(map(type, values))) == 1:
            complete = selection.function_for(first, run)
            return [complete(value, run) for value in values]
        out: list[Any] = [None] * len(values)
        for number, value in enumerate(values):
            run.settle(value, out, number, complete_item)
        return out

    return complete_list


def _require_list(values: object) -> None:
    if values.__class__ is not list and values.__class__ is not tuple:
        raise NotCovered
