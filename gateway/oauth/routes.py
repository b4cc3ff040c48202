"""The routes below /oauth/logistics: logins, the list and revocation of sessions, and their plain pages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from secrets import token_urlsafe
from typing import Any, Final

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gateway.auth.cookies import SESSION_COOKIE, Site
from gateway.http.negotiation import is_json_in_utf8
from gateway.http.refusals import BadRequest, BodyTooLarge, ClientGone, HttpRefusal, UnsupportedMediaType
from gateway.oauth.login import (
    STATE_COOKIE,
    STATE_SECONDS,
    LoginRefused,
    LoginState,
    LogisticsLogin,
    OpenedSession,
    new_state,
    open_login,
    seal_login,
)
from gateway.oauth.sealing import Seal
from gateway.oauth.session_registry import CurrentSession, SessionRegistry
from gateway.oauth.session_store import Session
from resolvers.errors import NoSuchRecord


def session_json(session: Session, current: Session | None = None) -> dict[str, Any]:
    """Return a session as JSON for its owner, without secrets.

    Args:
        session: The session.
        current: The session of the request.
    """
    return {
        "id": session.session_id,
        "createdAt": _instant(session.created_at),
        "expiresAt": _instant(session.expires_at),
        "current": current is not None and session.session_id == current.session_id,
    }


def token_json(opened: OpenedSession) -> dict[str, Any]:
    """Return the token of a new session as JSON, for clients without cookies."""
    return {"token": opened.token, "tokenType": "Bearer", "session": session_json(opened.session, opened.session)}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


SAFE_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""The headers of every response: they keep codes and tokens out of caches, frames and Referer headers."""

_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


def page(title: str, text: str, status: int = 200) -> HTMLResponse:
    """Return a page of one sentence.

    Args:
        title: Its heading.
        text: The sentence, as plain text.
        status: The HTTP status.
    """
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(text)), status, SAFE_HEADERS)


def page_for_opener(origin: str, message: Mapping[str, object], title: str, status: int = 200) -> HTMLResponse:
    """Return a page for a popup that posts a message to its opener and closes itself.

    Args:
        origin: The only origin that the message is delivered to, since the opener may have navigated elsewhere.
        message: The result of the login.
        title: Its heading, visible if scripts do not run or there is no opener.
        status: The HTTP status.
    """
    nonce = token_urlsafe(16)
    script = _TO_OPENER.format(nonce=nonce, message=_in_script(message), origin=_in_script(origin))
    policy = f"script-src 'nonce-{nonce}'; {SAFE_HEADERS['content-security-policy']}"
    content = _PAGE.format(title=escape(title), text=f"You can close this window.{script}")
    return HTMLResponse(content, status, {**SAFE_HEADERS, "content-security-policy": policy})


_TO_OPENER: Final = """<script nonce="{nonce}">
if (window.opener) {{ window.opener.postMessage({message}, {origin}); window.close(); }}
</script>"""


def _in_script(value: object) -> str:
    """JSON that cannot end the script element or open a comment."""
    return orjson.dumps(value).decode().replace("<", "\\u003c")


BASE_PATH = "/oauth/logistics"
MAX_BODY_BYTES = 16 * 1024
LOGIN_MESSAGE = "gateway-login"
"""The `type` of the message that a popup posts to its opener."""


class _SessionId(msgspec.Struct):
    session_id: str


_decode_session_id = msgspec.json.Decoder(_SessionId).decode


class LoginRoutes:
    """Handles logins, and lists and revokes sessions; process lifetime.

    Args:
        login: Opens sessions.
        registry: Holds the sessions.
        current: Finds the session of a request.
        seal: Seals the cookie of a login in progress.
        lifetime: Lifetime of a session, in seconds.
        site: Own origin, cross-site rule and cookies.
    """

    def __init__(
        self,
        login: LogisticsLogin,
        registry: SessionRegistry,
        current: CurrentSession,
        seal: Seal,
        lifetime: int,
        site: Site,
    ) -> None:
        self._login = login
        self._registry = registry
        self._current = current
        self._seal = seal
        self._lifetime = lifetime
        self._site = site

    @property
    def routes(self) -> list[Route]:
        """Every path and method."""
        return [
            Route("/login", self.begin, methods=["GET"]),
            Route("/callback", self.callback, methods=["GET"]),
            Route("/session", self.sign_on, methods=["POST"]),
            Route("/sessions", self.list_sessions, methods=["GET"]),
            Route("/sessions", self.revoke_all, methods=["DELETE"]),
            Route("/sessions/{session_id}", self.revoke_one, methods=["DELETE"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Redirect the browser to the consent page and set the login's cookie."""
        query = request.query_params
        # The state goes to the consent page and, sealed, into a cookie: only this browser can complete the login.
        login = new_state(
            return_to=query.get("return_to"),
            opener=query.get("opener"),
            wants_token=_wants_token(request),
            trusts=lambda origin: self._site.rule.trusts(origin, request.scope),
        )
        callback = self._site.own.url(request.scope, f"{BASE_PATH}/callback")
        response = RedirectResponse(self._login.consent_url(login, callback), 302, SAFE_HEADERS)
        cookie = seal_login(login, self._seal)
        self._set(response, STATE_COOKIE, cookie, request, STATE_SECONDS, path=BASE_PATH)
        return response

    async def callback(self, request: Request) -> Response:
        """Exchange the code that the consent page sent; the login is used up even if this fails."""
        headers = (value.encode("latin-1") for value in request.headers.getlist("cookie"))
        cookie = self._site.cookies.value(headers, STATE_COOKIE, request.scope)
        login = open_login(cookie, request.query_params.get("state"), self._seal)
        try:
            response = self._welcome(await self._completed(login, request), login, request)
        except HttpRefusal as error:
            if login.opener is None:
                raise
            # The page that opened the popup waits for a message, and cannot read what the popup shows.
            message = {"type": LOGIN_MESSAGE, "error": {"code": error.code, "message": error.message}}
            response = page_for_opener(login.opener, message, "You are not logged in", error.status)
        # With its own path: by another, browsers would delete another cookie (RFC 6265, 5.3).
        self._set(response, STATE_COOKIE, "", request, 0, path=BASE_PATH)
        return response

    async def _completed(self, login: LoginState, request: Request) -> OpenedSession:
        # Before anything else, so that a state is good for one attempt, however that ends.
        await self._login.spend_state(login)
        # As in OAuth 2.0 (RFC 6749, 4.1.2.1); the document says no more than that an error is returned.
        if "error" in request.query_params:
            raise LoginRefused("You did not give your consent, so nobody was logged in.")
        return await self._login.by_code(request.query_params.get("code"))

    async def sign_on(self, request: Request) -> Response:
        """Exchange the session id of a single sign-on."""
        opened = await self._login.by_session_id(await _read_session_id(request))
        if _wants_token(request):
            return JSONResponse(token_json(opened), 201, SAFE_HEADERS)
        response = JSONResponse({"session": session_json(opened.session, opened.session)}, 201, SAFE_HEADERS)
        return self._with_session(response, opened, request)

    async def list_sessions(self, request: Request) -> Response:
        """List the sessions of the caller."""
        current = await self._current.find(request.scope)
        found = await self._registry.of_same_person(current)
        return JSONResponse({"sessions": [session_json(one, current) for one in found]}, 200, SAFE_HEADERS)

    async def revoke_all(self, request: Request) -> Response:
        """Revoke every session of the caller, including the current one."""
        current = await self._current.find(request.scope)
        for session in await self._registry.of_same_person(current):
            await self._registry.revoke(session)
        return self._logged_out(request)

    async def revoke_one(self, request: Request) -> Response:
        """Revoke one session of the caller; `current` stands for the one of the request."""
        wanted = request.path_params["session_id"]
        if wanted == "current":
            ending = await self._current.find_to_end(request.scope)
            if ending is not None:
                await self._registry.revoke(ending)
            return self._logged_out(request)
        current = await self._current.find(request.scope)
        if wanted == current.session_id:
            await self._registry.revoke(current)
            return self._logged_out(request)
        # Among the person's own only, so that not even the existence of other sessions is confirmed.
        for session in await self._registry.of_same_person(current):
            if session.session_id == wanted:
                await self._registry.revoke(session)
                return Response(None, 204, SAFE_HEADERS)
        raise NoSuchRecord("You have no such session; it may have ended.")

    def _welcome(self, opened: OpenedSession, login: LoginState, request: Request) -> Response:
        if login.opener is not None:
            return self._posted_to_opener(opened, login.opener, login, request)
        if login.wants_token:
            return JSONResponse(token_json(opened), 200, SAFE_HEADERS)
        if login.return_to is not None:
            response: Response = RedirectResponse(login.return_to, 303, SAFE_HEADERS)
        else:
            response = page("You are logged in", "You can close this page and go on where you came from.")
        return self._with_session(response, opened, request)

    def _posted_to_opener(self, opened: OpenedSession, opener: str, login: LoginState, request: Request) -> Response:
        shown = token_json(opened) if login.wants_token else {"session": session_json(opened.session, opened.session)}
        response = page_for_opener(opener, {"type": LOGIN_MESSAGE, **shown}, "You are logged in")
        return response if login.wants_token else self._with_session(response, opened, request)

    def _with_session(self, response: Response, opened: OpenedSession, request: Request) -> Response:
        self._set(response, SESSION_COOKIE, opened.token, request, self._lifetime)
        return response

    def _logged_out(self, request: Request) -> Response:
        response = Response(None, 204, SAFE_HEADERS)
        self._set(response, SESSION_COOKIE, "", request, 0)
        return response

    def _set(self, response: Response, name: str, value: str, request: Request, seconds: int, path: str = "/") -> None:
        header = self._site.cookies.setting(name, value, request.scope, seconds=seconds, path=path)
        response.raw_headers.append(header)


def _wants_token(request: Request) -> bool:
    return request.query_params.get("token") == "1"


async def _read_session_id(request: Request) -> str:
    # Pages of other sites can send forms and texts without a preflight, in browsers too old for Sec-Fetch-Site.
    if not is_json_in_utf8(request.headers.get("content-type", "").encode("latin-1")):
        raise UnsupportedMediaType("Send JSON with `Content-Type: application/json`.")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLarge(MAX_BODY_BYTES)
        return _decode_session_id(body).session_id
    except ClientDisconnect:
        raise ClientGone from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadRequest('The request body must be JSON such as {"session_id": "..."}.') from None
