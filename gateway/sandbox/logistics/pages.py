"""The two pages that people see at the vendor, as plain stand-ins: the OAuth consent and the single sign-on.

How a denied consent comes back is documented nowhere; `error=access_denied`, as in OAuth 2.0, is assumed.
"""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.sandbox.logistics.errors import malformed
from gateway.sandbox.logistics.tokens import Credentials

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

_SIGNED_ON = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Logistics sandbox: signed on</title></head>
<body><h1>Signed on</h1><p>Session <code id="session_id">{session_id}</code></p>
<script>
const opener = window.opener || window.parent;
if (opener !== window) opener.postMessage({{session_id: document.getElementById("session_id").textContent}}, "*");
</script></body></html>
"""


class Pages:
    """Serves both pages; simulator lifetime.

    Args:
        credentials: Issues the code or the session that a page ends with.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def consent(self, request: Request) -> Response:
        """Ask for consent, or with `decision=allow|deny` send the answer back to `redirect_url`."""
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
        if "state" in query:
            answer["state"] = query["state"]
        return RedirectResponse(_with_query(redirect_url, answer), status_code=302)

    async def sign_on(self, _: Request) -> Response:
        """Sign the sandbox's one user on and post `session_id` to the window that opened this page."""
        return HTMLResponse(_SIGNED_ON.format(session_id=self._credentials.issue_session()))


def _consent_page(client_key: str, redirect_url: str, state: str) -> str:
    return _CONSENT.format(
        site=escape(urlsplit(redirect_url).netloc),
        client_key=escape(client_key),
        redirect_url=escape(redirect_url),
        state=escape(state),
    )


def _with_query(address: str, added: dict[str, str]) -> str:
    parts = urlsplit(address)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *added.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
