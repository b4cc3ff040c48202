"""The simulated logistics API (GotSurge Partnership 0.1.0), written from the vendor's document.

The document lacks every method and path and all errors. Assumed here:

- the paths, at the root of the server: see `PartnerApi.routes` and `TaskApi.routes`;
- errors are `{code, message}`; creating answers 201, everything else 200;
- a stale `version_rev` is 409 `version_conflict`; a status that does not allow a cancellation is 422 `invalid_status`,
  so clients can distinguish the two;
- a missing, wrong or expired bearer token is 401, one without the role OrgAdmin is 403 on everything under `/platform`;
- a body or query parameter that cannot be parsed is 400, a field that violates a rule is 422;
- `updated_tasks` omits the tasks that could not be updated.

`/oauth2/auth` and `/sso/login` are two plain pages in place of the vendor's. How a denied consent is reported is
undocumented; `error=access_denied`, as in OAuth 2.0, is assumed.
"""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gateway.sandbox.clock import AdjustableClock, Clock
from gateway.sandbox.logistics.credentials import Credentials
from gateway.sandbox.logistics.lifecycle import Journeys
from gateway.sandbox.logistics.organizations import Organizations
from gateway.sandbox.logistics.price import price_recommendation
from gateway.sandbox.logistics.requests import (
    Refused,
    answer,
    answer_refused,
    answer_unrouted,
    malformed,
    read_body,
    read_page,
)
from gateway.sandbox.logistics.seed import seed_tasks, task_arrivals
from gateway.sandbox.logistics.task_api import TaskApi
from gateway.sandbox.logistics.tasks import TaskStore
from gateway.sandbox.options import LogisticsOptions
from gateway.sandbox.simulator import Simulator

_CONSENT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Logistics sandbox: consent</title></head>
<body><h1>Logistics sandbox</h1>
<p>{site} asks to read and manage your tasks. This page stands in for the vendor's own.</p>
<form method="get" action="/oauth2/auth">
<input type="hidden" name="client_key" value="{client_key}">
<input type="hidden" name="redirect_url" value="{redirect_url}">
<input type="hidden" name="state" value="{state}">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form></body></html>
"""

# Posted to any origin, because the simulator does not know its partners' pages.
_SIGNED_ON = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Logistics sandbox: signed on</title></head>
<body><h1>Signed on</h1><p>Session <code id="session_id">{session_id}</code></p>
<script>
const opener = window.opener || window.parent;
if (opener !== window) opener.postMessage({{session_id: document.getElementById("session_id").textContent}}, "*");
</script></body></html>
"""


class LogisticsSimulator(Simulator):
    """The simulated logistics API; server lifetime.

    Args:
        clock: The sandbox's clock.
        seed: The same seed gives the same tasks, organizations and tokens.
        options: Keys, lifetimes and pace.

    Attributes:
        tasks: The tasks, for a `WebhookSender`.
        credentials: Issues codes and sessions without the pages, for tests.
        arrivals: Adds new tasks on each `catch_up`.
    """

    def __init__(self, clock: AdjustableClock, seed: int, options: LogisticsOptions) -> None:
        now = clock.now()
        journeys = Journeys(seed, options.pace, options.failing_share)
        organizations = Organizations(seed, now)
        self.credentials = Credentials(clock, seed, options)
        self.tasks = TaskStore(seed, journeys)
        for task in seed_tasks(now, journeys, organizations.ids):
            self.tasks.add(task)
        self.arrivals = task_arrivals(self.tasks, journeys, organizations.ids, now)
        task_api = TaskApi(clock, self.credentials, self.tasks, organizations)
        partner_api = PartnerApi(clock, self.credentials, organizations)
        app = Starlette(
            routes=[*partner_api.routes, *task_api.routes],
            exception_handlers={Refused: answer_refused, HTTPException: answer_unrouted},
        )
        super().__init__("logistics", app, clock)


def create_logistics(
    clock: AdjustableClock, *, seed: int = 1, options: LogisticsOptions | None = None
) -> LogisticsSimulator:
    """Create the simulated logistics API with its records.

    Args:
        clock: The sandbox's clock, by which tasks progress and tokens expire.
        seed: The same seed and start give the same records.
        options: Keys, lifetimes and pace.
    """
    return LogisticsSimulator(clock, seed, options or LogisticsOptions())


class PartnerApi:
    """The routes for the partner, its tokens, organizations and prices; simulator lifetime.

    Args:
        clock: The sandbox's clock.
        credentials: Issues and checks tokens.
        organizations: The partner's organizations.
    """

    def __init__(self, clock: Clock, credentials: Credentials, organizations: Organizations) -> None:
        self._clock = clock
        self._credentials = credentials
        self._organizations = organizations

    @property
    def routes(self) -> list[Route]:
        """The routes. A signature may contain "/", plain or percent-encoded."""
        pages = Pages(self._credentials)
        return [
            Route("/oauth2/auth", pages.consent),
            Route("/sso/login", pages.sign_on),
            Route("/partners/{signature:path}", self.partner),
            # These three are without a bearer token, since they are how a caller gets one.
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
        """Return the partner detail; the signature in the path is the only authentication."""
        return answer(self._credentials.partner(request.path_params["signature"]))

    async def exchange_code(self, request: Request) -> Response:
        """Exchange an authorization code for tokens."""
        return answer(self._credentials.exchange_code(await read_body(request)))

    async def refresh(self, request: Request) -> Response:
        """Issue a new bearer token for a refresh token."""
        return answer(self._credentials.refresh(await read_body(request)))

    async def exchange_session(self, request: Request) -> Response:
        """Exchange a single sign-on session for tokens."""
        return answer(self._credentials.exchange_session(await read_body(request)))

    async def price(self, request: Request) -> Response:
        """Return the price recommendation."""
        self._credentials.caller(request.headers.get("authorization"))
        return answer(price_recommendation(await read_body(request)))

    async def list_organizations(self, request: Request) -> Response:
        """Return a page of the associated organizations."""
        self._administrator(request)
        page, per_page = read_page(request)
        organizations = self._organizations.page(page, per_page)
        return answer({"meta": {"page": page, "per_page": per_page}, "organizations": organizations})

    async def create_organization(self, request: Request) -> Response:
        """Create an associated organization."""
        self._administrator(request)
        organization = self._organizations.create(await read_body(request), self._clock.now())
        return answer({"organization": organization}, 201)

    async def organization(self, request: Request) -> Response:
        """Return one associated organization."""
        self._administrator(request)
        return answer({"organization": self._organizations.find(request.path_params["org_id"])})

    async def roles(self, request: Request) -> Response:
        """Return the roles in an associated organization."""
        self._administrator(request)
        return answer({"roles": self._organizations.roles(request.path_params["org_id"])})

    async def invite(self, request: Request) -> Response:
        """Invite a user to an associated organization."""
        self._administrator(request)
        return answer({"message": self._organizations.invite(await read_body(request))})

    def _administrator(self, request: Request) -> None:
        self._credentials.caller(request.headers.get("authorization")).require_administrator()


class Pages:
    """The consent and the sign-on page; simulator lifetime.

    Args:
        credentials: Issues the authorization code or the session.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def consent(self, request: Request) -> Response:
        """Show the consent page, or with `decision=allow|deny` redirect to `redirect_url` with the result."""
        query = request.query_params
        client_key, redirect_url = query.get("client_key", ""), query.get("redirect_url", "")
        if not self._credentials.is_client(client_key):
            raise malformed("client_key: is unknown")
        if urlsplit(redirect_url).scheme not in ("http", "https"):
            raise malformed("redirect_url: must be an http or https address")
        decision = query.get("decision")
        if decision is None:
            return HTMLResponse(_consent_page(client_key, redirect_url, query.get("state", "")))
        answer = {"code": self._credentials.issue_code()} if decision == "allow" else {"error": "access_denied"}
        # Only where it was sent (RFC 6749, 4.1.2).
        if "state" in query:
            answer["state"] = query["state"]
        return RedirectResponse(_with_query(redirect_url, answer), status_code=302)

    async def sign_on(self, _: Request) -> Response:
        """Sign on the only user and post `session_id` to the window that opened this page."""
        return HTMLResponse(_SIGNED_ON.format(session_id=self._credentials.issue_session()))


def _consent_page(client_key: str, redirect_url: str, state: str) -> str:
    # Escaped, because all of it is from the address.
    return _CONSENT.format(
        site=escape(urlsplit(redirect_url).netloc),
        client_key=escape(client_key),
        redirect_url=escape(redirect_url),
        state=escape(state),
    )


def _with_query(address: str, added: dict[str, str]) -> str:
    parts = urlsplit(address)
    # Parameters of the partner's own stay (RFC 6749, 3.1.2).
    query = [*parse_qsl(parts.query, keep_blank_values=True), *added.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
