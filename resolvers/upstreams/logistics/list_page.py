"""Pages of the logistics API's lists (documents: Task List; Associated Organization List)."""

from typing import Annotated, Any, Generic, TypeVar

import msgspec

Record = TypeVar("Record")


class ListPage(msgspec.Struct, Generic[Record], frozen=True):
    """One page of a list; lives in an answer or a cache.

    Args:
        records: In the upstream's order.
        per_page: The page size that the upstream used, which may be another than asked for; None where it does not say.
    """

    records: list[Record]
    per_page: int | None = None

    @property
    def total(self) -> None:
        """This API tells of no list how long it is."""


class _Meta(msgspec.Struct, frozen=True):
    per_page: Annotated[int, msgspec.Meta(ge=1)] | None = None


def page_size(meta: Any) -> int | None:  # noqa: ANN401 - the documents show an empty object and name no field
    """The page size in a list's `meta`; None where there is none to be found: no list is worse for that."""
    try:
        return msgspec.convert(meta, _Meta, strict=False).per_page
    except msgspec.ValidationError:
        return None
