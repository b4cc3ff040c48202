import base64
import math
from datetime import UTC, datetime

import pytest

from resolvers.errors import RecordMissing, UpstreamBadAnswer, UpstreamUnconfigured
from resolvers.upstreams.call import Answer, Call, CallScope
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.requests import Invitation
from tests.upstreams.httpx_transport import HttpxTransport
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

SCOPE = CallScope(deadline=math.inf)
CLIENT_KEY, SECRET_KEY = "our-client-key?", "planted-secret-key~~>"
SIGNATURE = base64.b64encode(f"{CLIENT_KEY}:{SECRET_KEY}".encode()).decode()
ORGANIZATION = b'{"organization": {"id": "o1", "business_name": "ABC Merchant", "is_qa": true}}'


class Noting:
    """Keeps the calls that pass through it."""

    def __init__(self, inner: HttpxTransport) -> None:
        self._inner = inner
        self.calls: list[Call] = []

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return await self._inner.send(call)


@pytest.fixture
def noting(transport: HttpxTransport) -> Noting:
    return Noting(transport)


@pytest.fixture
def client(server: RecordingServer, noting: Noting) -> LogisticsClient:
    config = LogisticsConfig(f"{server.url}/api", client_key=CLIENT_KEY, secret_key=SECRET_KEY)
    return LogisticsClient(noting, config)


async def test_the_partner_is_read_by_its_percent_encoded_signature(
    client: LogisticsClient, server: RecordingServer
) -> None:
    encoded = SIGNATURE.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    server.answer("GET", f"/api/partners/{encoded}", sample("logistics_partner.json"))

    partner = await client.partner(SCOPE)

    assert encoded != SIGNATURE
    assert (partner.name, partner.client_key) == ("ABC Platform", "our-client-key")
    assert partner.partner_id == "a87ff679-a2f3-471d-9181-a67b7542122c"
    assert partner.webhook_url == "https://gateway.example.com/webhooks/logistics/x"
    assert partner.created_at == datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)
    assert partner.updated_at == datetime(2019, 8, 25, 14, 15, 22, tzinfo=UTC)
    assert "planted" not in repr(partner)


async def test_no_trace_of_the_partners_call_shows_its_signature(client: LogisticsClient, noting: Noting) -> None:
    with pytest.raises(Exception, match="read the partner") as caught:
        await client.partner(SCOPE)

    (call,) = noting.calls
    assert call.shown_path == "/api/partners/{signature}"
    assert SIGNATURE[:8] not in repr(call) + str(caught.value)


@pytest.mark.parametrize(("client_key", "secret_key"), [(None, None), ("key", None), (None, "secret"), ("", "secret")])
async def test_without_both_keys_there_is_no_partner(
    server: RecordingServer, transport: HttpxTransport, client_key: str | None, secret_key: str | None
) -> None:
    client = LogisticsClient(transport, LogisticsConfig(server.url, client_key=client_key, secret_key=secret_key))

    with pytest.raises(UpstreamUnconfigured, match="GATEWAY_LOGISTICS__SECRET_KEY"):
        await client.partner(SCOPE)

    assert server.requests == []


async def test_a_page_of_organizations_has_every_attribute_of_each(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("GET", "/api/platform/organizations", sample("logistics_organizations.json"))

    page = await client.organizations(SCOPE, page=3, per_page=20)

    first, second = page.records
    assert server.only_request.query == "page=3&per_page=20"
    assert first.id == "Organization:6512bd43-d9ca-46e0-ac99-0b0a82652dca"
    assert first.organization_id == "6512bd43-d9ca-46e0-ac99-0b0a82652dca"
    assert first.business_name == "ABC Merchant"
    assert first.created_at == datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)
    assert first.updated_at == datetime(2019, 8, 25, 14, 15, 22, tzinfo=UTC)
    assert first.attributes["squad_code"] == "A1B2C3"
    assert (second.business_name, second.created_at, second.updated_at) == ("Eastern Supplies", None, None)


@pytest.mark.parametrize("body", [b'{"meta": {}, "organizations": []}', b'{"meta": {}, "organizations": null}'])
async def test_an_empty_page_of_organizations_is_empty(
    client: LogisticsClient, server: RecordingServer, body: bytes
) -> None:
    server.answer("GET", "/api/platform/organizations", body)

    assert (await client.organizations(SCOPE, page=1, per_page=20)).records == []


async def test_a_page_of_organizations_says_what_size_it_was_counted_in(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("GET", "/api/platform/organizations", b'{"meta": {"page": 1, "per_page": 5}, "organizations": []}')

    assert (await client.organizations(SCOPE, page=1, per_page=20)).per_page == 5


async def test_the_name_of_an_organization_is_missed_where_it_is_asked_for(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("GET", "/api/platform/organizations/o1", b'{"organization": {"id": "o1"}}')

    organization = await client.organization(SCOPE, "o1")

    assert organization is not None
    with pytest.raises(UpstreamBadAnswer, match="business name"):
        assert organization.business_name


async def test_an_organization_is_read_by_its_id(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", "/api/platform/organizations/o1", ORGANIZATION)

    organization = await client.organization(SCOPE, "o1")

    assert organization is not None
    assert organization.attributes == {"id": "o1", "business_name": "ABC Merchant", "is_qa": True}


async def test_an_organization_that_is_not_there_is_none(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", "/api/platform/organizations/o9", status=404)

    assert await client.organization(SCOPE, "o9") is None


async def test_an_organization_is_created_by_its_name(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("POST", "/api/platform/organizations", ORGANIZATION, status=201)

    organization = await client.create_organization(SCOPE, "ABC Merchant")

    assert organization.organization_id == "o1"
    assert server.only_request.json == {"business_name": "ABC Merchant"}


async def test_the_roles_of_an_organization_are_read(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer(
        "GET",
        "/api/platform/organizations/o1/roles",
        b'{"roles": [{"id": "r1", "name": "OrgAdmin", "level": 2}, {"id": "r2"}]}',
    )

    admin, nameless = await client.roles(SCOPE, "o1")

    assert (admin.role_id, admin.name) == ("r1", "OrgAdmin")
    assert admin.attributes == {"id": "r1", "name": "OrgAdmin", "level": 2}
    assert (nameless.role_id, nameless.name) == ("r2", None)


async def test_an_organization_that_is_not_there_has_no_roles(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("GET", "/api/platform/organizations/o9/roles", status=404)

    with pytest.raises(RecordMissing):
        await client.roles(SCOPE, "o9")


@pytest.mark.parametrize(
    ("invitation", "user"),
    [
        (Invitation("a@example.com", "o1"), {"email": "a@example.com", "org_id": "o1"}),
        (Invitation("a@example.com", "o1", "r1"), {"email": "a@example.com", "org_id": "o1", "role_id": "r1"}),
    ],
)
async def test_a_user_is_invited(
    client: LogisticsClient, server: RecordingServer, invitation: Invitation, user: dict[str, str]
) -> None:
    server.answer("POST", "/api/platform/users/invite", b'{"message": "Invitation sent!"}')

    assert await client.invite_user(SCOPE, invitation) == "Invitation sent!"
    assert server.only_request.json == {"user": user}


async def test_an_account_without_a_platform_has_no_organizations(
    server: RecordingServer, transport: HttpxTransport
) -> None:
    client = LogisticsClient(transport, LogisticsConfig(server.url, platform=False))
    attempts = [
        client.organizations(SCOPE, page=1, per_page=20),
        client.organization(SCOPE, "o1"),
        client.roles(SCOPE, "o1"),
        client.create_organization(SCOPE, "ABC"),
        client.invite_user(SCOPE, Invitation("a@example.com", "o1")),
    ]

    for attempt in attempts:
        with pytest.raises(UpstreamUnconfigured, match="GATEWAY_LOGISTICS__PLATFORM"):
            await attempt

    assert server.requests == []
