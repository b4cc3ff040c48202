"""The calls of the simulated logistics API about the partner, its tokens, organizations and prices."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.clock import Clock
from gateway.sandbox.logistics.organizations import Organizations
from gateway.sandbox.logistics.pages import Pages
from gateway.sandbox.logistics.price import price_recommendation
from gateway.sandbox.logistics.requests import answer, read_body, read_page
from gateway.sandbox.logistics.tokens import Credentials


class PartnerApi:
    """Answers the calls about the partner, its tokens, organizations and prices; simulator lifetime.

    Args:
        clock: The time of new organizations.
        credentials: Issues and checks tokens.
        organizations: The ones that the partner manages.
    """

    def __init__(self, clock: Clock, credentials: Credentials, organizations: Organizations) -> None:
        self._clock = clock
        self._credentials = credentials
        self._organizations = organizations

    @property
    def routes(self) -> list[Route]:
        """Every path; a signature may hold "/", plain or percent-encoded."""
        pages = Pages(self._credentials)
        return [
            Route("/oauth2/auth", pages.consent),
            Route("/sso/login", pages.sign_on),
            Route("/partners/{signature:path}", self.partner),
            Route("/oauth2/token", self.exchange_code, methods=["POST"]),
            Route("/oauth2/refresh", self.refresh, methods=["POST"]),
            Route("/platform/sso/token", self.exchange_session, methods=["POST"]),
            Route("/price", self.price, methods=["POST"]),
            Route("/platform/organizations", self.list_organizations),
            Route("/platform/organizations", self.create_organization, methods=["POST"]),
            Route("/platform/organizations/{org_id}", self.organization),
            Route("/platform/organizations/{org_id}/roles", self.roles),
            Route("/platform/users/invite", self.invite, methods=["POST"]),
        ]

    async def partner(self, request: Request) -> Response:
        """The partner's detail; its signature is all the proof there is."""
        return answer(self._credentials.partner(request.path_params["signature"]))

    async def exchange_code(self, request: Request) -> Response:
        """Tokens for an authorization code."""
        return answer(self._credentials.exchange_code(await read_body(request)))

    async def refresh(self, request: Request) -> Response:
        """A new bearer token."""
        return answer(self._credentials.refresh(await read_body(request)))

    async def exchange_session(self, request: Request) -> Response:
        """Tokens for the session of a single sign-on."""
        return answer(self._credentials.exchange_session(await read_body(request)))

    async def price(self, request: Request) -> Response:
        """The price recommendation."""
        self._credentials.caller(request.headers.get("authorization"))
        return answer(price_recommendation(await read_body(request)))

    async def list_organizations(self, request: Request) -> Response:
        """A page of the associated organizations."""
        self._administrator(request)
        page, per_page = read_page(request)
        organizations = self._organizations.page(page, per_page)
        return answer({"meta": {"page": page, "per_page": per_page}, "organizations": organizations})

    async def create_organization(self, request: Request) -> Response:
        """A new associated organization."""
        self._administrator(request)
        organization = self._organizations.create(await read_body(request), self._clock.now())
        return answer({"organization": organization}, 201)

    async def organization(self, request: Request) -> Response:
        """One associated organization."""
        self._administrator(request)
        return answer({"organization": self._organizations.find(request.path_params["org_id"])})

    async def roles(self, request: Request) -> Response:
        """The roles within an associated organization."""
        self._administrator(request)
        return answer({"roles": self._organizations.roles(request.path_params["org_id"])})

    async def invite(self, request: Request) -> Response:
        """Invite a user to an associated organization."""
        self._administrator(request)
        return answer({"message": self._organizations.invite(await read_body(request))})

    def _administrator(self, request: Request) -> None:
        self._credentials.caller(request.headers.get("authorization")).require_administrator()
