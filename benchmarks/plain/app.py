"""The plain server: FastAPI, Strawberry's router, and the part of the gateway's schema that is compared."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import strawberry
from fastapi import FastAPI, Request
from strawberry.fastapi import GraphQLRouter

from plain.objects import (
    Delivery,
    DeliveryConnection,
    DeliveryFilter,
    LogisticsTask,
    PriceQuote,
    PriceQuoteInput,
    SmsJob,
    SmsJobConnection,
)
from plain.upstreams import Context, Info, Upstreams


@strawberry.type
class Query:
    """The query root."""

    @strawberry.field
    async def deliveries(
        self,
        info: Info,
        filter: DeliveryFilter | None = None,  # noqa: A002 - the contract's name
        first: int = 20,
    ) -> DeliveryConnection:
        """Deliveries of a product."""
        product_id = filter.product_id if filter else None
        found = await info.context.upstreams.deliveries(product_id, first)
        return DeliveryConnection(nodes=[Delivery.from_json(resource) for resource in found])

    @strawberry.field
    async def delivery(self, info: Info, id: strawberry.ID) -> Delivery:  # noqa: A002 - the contract's name
        """One delivery."""
        return Delivery.from_json(await info.context.loaders.deliveries.load(id))

    @strawberry.field
    async def sms_jobs(
        self,
        info: Info,
        start: Annotated[datetime, strawberry.argument(name="from")],
        end: Annotated[datetime, strawberry.argument(name="to")],
        first: int = 20,
    ) -> SmsJobConnection:
        """Jobs in a time window."""
        window = {"fromTs": start.isoformat(), "toTs": end.isoformat()}
        job_ids = await info.context.upstreams.job_ids(window)
        return SmsJobConnection(nodes=[SmsJob(job_id=job_id) for job_id in job_ids[:first]])

    @strawberry.field
    async def sms_job(self, id: strawberry.ID) -> SmsJob:  # noqa: A002 - the contract's name
        """One job."""
        return SmsJob(job_id=id)

    @strawberry.field
    async def logistics_task(self, info: Info, id: strawberry.ID) -> LogisticsTask:  # noqa: A002 - the contract's name
        """One task."""
        return LogisticsTask.from_json(await info.context.loaders.tasks.load(id))

    @strawberry.field
    async def price_quote(
        self,
        info: Info,
        input: PriceQuoteInput,  # noqa: A002 - the contract's name
    ) -> PriceQuote:
        """The price of a route."""
        stops = [{"latitude": stop.latitude, "longitude": stop.longitude} for stop in input.stops]
        request = {"service_type": input.service_type.value, "stops": stops}
        return PriceQuote.from_json(await info.context.upstreams.price(request))


schema = strawberry.Schema(query=Query)


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
    """Answer that the server runs."""
