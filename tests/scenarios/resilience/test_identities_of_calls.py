"""Every call counts against the limits of the account that it is made for, calls for tokens too."""

from datetime import UTC, datetime
from typing import Final

from gateway.composition.upstreams import build_upstreams
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.options import DeliveriesOptions
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from resolvers.identities import account_name
from resolvers.upstreams.call import Call, CallScope
from resolvers.upstreams.transport.stack import loop_clock

LOGIN: Final = DeliveriesOptions()


class Identities:
    """Notes for whom each call was made."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        del outcome, seconds
        self.noted.append((call.operation, call.identity))


async def test_accounts_at_one_address_log_in_each_under_its_own_name() -> None:
    identities = Identities()
    simulator = create_deliveries(ManualClock(datetime.now(UTC)), options=LOGIN)
    async with serving(simulator.app) as url:
        credentials = {"DELIVERIES__EMAIL": LOGIN.email, "DELIVERIES__PASSWORD": LOGIN.password}
        settings = {
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_DELIVERIES__URL": f"{url}/api/v1",
            **{f"GATEWAY_{name}": value for name, value in credentials.items()},
            **{f"GATEWAY_ACCOUNTS__ACME__{name}": value for name, value in credentials.items()},
        }
        upstreams = build_upstreams(load_settings(settings), identities)

        for account in (upstreams.own, upstreams.named["acme"]):
            await account.deliveries.delivery(CallScope(loop_clock() + 10), "1")

        await upstreams.close()

    # A login is over before the call that needed it.
    assert [(operation, account_name(identity)) for operation, identity in identities.noted] == [
        ("login", "own"),
        ("delivery", "own"),
        ("login", "account:acme"),
        ("delivery", "account:acme"),
    ]
