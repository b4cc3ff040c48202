"""The part of the gateway's schema that the compared operations use, written the usual way."""

from datetime import datetime
from typing import Annotated

import strawberry

from plain.context import Info
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


@strawberry.type
class Query:
    """What can be asked."""

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
        """Jobs of a window."""
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
        """What a way would cost."""
        stops = [{"latitude": stop.latitude, "longitude": stop.longitude} for stop in input.stops]
        request = {"service_type": input.service_type.value, "stops": stops}
        return PriceQuote.from_json(await info.context.upstreams.price(request))


schema = strawberry.Schema(query=Query)
