"""The few plain pages that people see of a login, and the headers that keep them harmless."""

from collections.abc import Mapping
from html import escape
from secrets import token_urlsafe
from typing import Final

import orjson
from starlette.responses import HTMLResponse

SAFE_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""On every answer of a login: codes and tokens stay out of caches, frames and the Referer of what comes next."""

_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


def page(title: str, text: str, status: int = 200) -> HTMLResponse:
    """A page of one sentence.

    Args:
        title: Its heading.
        text: What is to be said, as plain text.
        status: Of the answer.
    """
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(text)), status, SAFE_HEADERS)


def page_for_opener(origin: str, message: Mapping[str, object], title: str, status: int = 200) -> HTMLResponse:
    """A page in a popup that sends a message to the page that opened it, and closes itself.

    Args:
        origin: The only one that the message is delivered to: another page may sit in the opener's window by now.
        message: What became of the login.
        title: Its heading, where scripts do not run or nothing opened it.
        status: Of the answer.
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
    """JSON that can end neither the script nor, as a comment, the page."""
    return orjson.dumps(value).decode().replace("<", "\\u003c")
