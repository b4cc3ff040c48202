"""The plain server: FastAPI, Strawberry's router, one httpx client, DataLoaders for each operation."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from strawberry.fastapi import GraphQLRouter

from plain.context import Context
from plain.schema import schema
from plain.upstreams import Upstreams


async def _context(request: Request) -> Context:
    return Context(request.app.state.upstreams)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.upstreams = Upstreams(os.environ["BENCHMARK_UPSTREAM"])
    yield
    await app.state.upstreams.close()


app = FastAPI(lifespan=_lifespan)
app.include_router(GraphQLRouter(schema, context_getter=_context), prefix="/graphql")


@app.get("/livez")
async def livez() -> None:
    """Say that it runs."""
