"""A small schema whose fields fail wherever one can: at once and later, where null may stand and where it may not."""

import asyncio
from typing import Final, cast

import strawberry

from resolvers.later import Later


@strawberry.interface
class Being:
    """Anything."""

    name: str
    nickname: str | None


@strawberry.interface
class Owned(Being):
    """Anything that belongs to somebody."""

    owner: str | None


@strawberry.type
class Stone(Being):
    """A being without anything of its own."""


@strawberry.type
class Dog(Owned):
    """A being whose fields fail."""

    @strawberry.field
    def bark(self) -> str:
        return "wuff"

    @strawberry.field
    def bite(self) -> int | None:
        raise ValueError("It bites.")

    @strawberry.field
    def growl(self) -> int:
        raise ValueError("It growls.")

    @strawberry.field
    async def fetch(self) -> str | None:
        await asyncio.sleep(0)
        raise ValueError("It is lazy.")

    @strawberry.field
    async def sit(self, times: int | None = 1) -> int:
        await asyncio.sleep(0)
        return times or 0

    @strawberry.field
    async def roll(self, times: int = 1) -> int:
        await asyncio.sleep(0)
        if times > 1:
            raise ValueError("It is dizzy.")
        return times

    @strawberry.field
    def nothing(self) -> int:
        return cast("int", None)

    @strawberry.field
    def friend(self) -> "Dog | None":
        return Dog(name="Rex", nickname=None, owner=None)

    @strawberry.field
    async def mother(self) -> "Dog":
        await asyncio.sleep(0)
        return Dog(name="Bella", nickname="B", owner="Ann")

    @strawberry.field
    def pups(self) -> list["Dog | None"]:
        return [self, None]

    @strawberry.field
    def lost(self) -> list["Dog"] | None:
        return [self, cast("Dog", None)]


def _beings() -> list[Being]:
    return [Dog(name="Rex", nickname=None, owner="Bob"), Stone(name="Flint", nickname="F")]


def _late() -> object:
    source: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    source.set_result("late")
    return Later(source, str.upper)


@strawberry.type
class Query:
    """Beings."""

    @strawberry.field
    def dog(self, name: str = "Rex") -> Dog | None:
        return Dog(name=name, nickname=None, owner=None) if name else None

    @strawberry.field
    async def needed(self, name: str) -> Dog:
        await asyncio.sleep(0)
        return Dog(name=name, nickname=None, owner=None)

    @strawberry.field
    def beings(self, names: list[strawberry.ID] | None = None) -> list[Being]:
        return [one for one in _beings() if names is None or one.name in names]

    @strawberry.field
    async def being(self, number: int) -> Being | None:
        await asyncio.sleep(0)
        return _beings()[number]

    owned = strawberry.field(resolver=_beings, graphql_type=list[Owned | None])
    late = strawberry.field(resolver=_late, graphql_type=str | None)


TYPES: Final = (Stone, Dog)
"""Those that only interfaces lead to among them."""

ARGUMENTS: Final = {
    "dog": {"name": ['"Rex"', '""']},
    "needed": {"name": ['"Rex"']},
    "beings": {"names": ['["Rex"]', '"Flint"', "[]", "null"]},
    "being": {"number": ["0", "1", "2"]},
    "sit": {"times": ["1", "null"]},
    "roll": {"times": ["1", "2"]},
}
"""Literals for the arguments, by field."""
