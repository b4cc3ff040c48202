"""An account: one set of upstream credentials and the clients that use it."""

from collections import OrderedDict
from typing import Final

from resolvers.errors import UpstreamUnconfigured
from resolvers.upstreams.deliveries.client import DeliveriesClient
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.sms.client import SmsClient

REMEMBERED_PLACES: Final = 100_000


class SmsPlaces:
    """Which data centre knows which job: each knows only its own; lives as long as its account, bounded."""

    def __init__(self, limit: int = REMEMBERED_PLACES) -> None:
        self._limit = limit
        self._centres: OrderedDict[str, int] = OrderedDict()

    def remember(self, job_id: str, centre: int) -> None:
        """Note where a job was found."""
        self._centres[job_id] = centre
        self._centres.move_to_end(job_id)
        if len(self._centres) > self._limit:
            self._centres.popitem(last=False)

    def centre_of(self, job_id: str) -> int | None:
        """Where a job was found before, if it was."""
        return self._centres.get(job_id)


class Account:
    """One set of upstream credentials and the clients that use it; lives as long as its process.

    Args:
        identity: Names the credentials in every key of every cache; never a secret.
        deliveries: None where the settings name no such upstream.
        sms: None where the settings name no such upstream.
        logistics: None where the settings name no such upstream.
    """

    def __init__(
        self,
        identity: str,
        *,
        deliveries: DeliveriesClient | None = None,
        sms: SmsClient | None = None,
        logistics: LogisticsClient | None = None,
    ) -> None:
        self.identity = identity
        self._deliveries = deliveries
        self._sms = sms
        self._logistics = logistics
        self.sms_places = SmsPlaces()
        self.delivery_batches = True
        """Whether the send-tasks API takes a comma list of ids; false once it has refused one."""

    def has(self, upstream: UpstreamName) -> bool:
        """Whether the settings name this upstream."""
        clients = {
            UpstreamName.DELIVERIES: self._deliveries,
            UpstreamName.SMS: self._sms,
            UpstreamName.LOGISTICS: self._logistics,
        }
        return clients[upstream] is not None

    @property
    def deliveries(self) -> DeliveriesClient:
        """The send-tasks API.

        Raises:
            UpstreamUnconfigured: the settings name none.
        """
        if self._deliveries is None:
            raise _unconfigured(UpstreamName.DELIVERIES)
        return self._deliveries

    @property
    def sms(self) -> SmsClient:
        """The SMS API.

        Raises:
            UpstreamUnconfigured: the settings name none.
        """
        if self._sms is None:
            raise _unconfigured(UpstreamName.SMS)
        return self._sms

    @property
    def logistics(self) -> LogisticsClient:
        """The logistics API.

        Raises:
            UpstreamUnconfigured: the settings name none.
        """
        if self._logistics is None:
            raise _unconfigured(UpstreamName.LOGISTICS)
        return self._logistics


def _unconfigured(upstream: UpstreamName) -> UpstreamUnconfigured:
    return UpstreamUnconfigured(
        upstream, f"This gateway has no {upstream.name} upstream; its operator sets GATEWAY_{upstream.name}__... ."
    )
