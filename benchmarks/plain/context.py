"""What resolvers reach the upstreams with."""

from typing import TypeAlias

from strawberry.fastapi import BaseContext
from strawberry.types import Info as StrawberryInfo

from plain.loaders import Loaders
from plain.upstreams import Upstreams


class Context(BaseContext):
    """The client and fresh loaders; operation lifetime."""

    def __init__(self, upstreams: Upstreams) -> None:
        super().__init__()
        self.upstreams = upstreams
        self.loaders = Loaders(upstreams)


Info: TypeAlias = StrawberryInfo[Context, None]
