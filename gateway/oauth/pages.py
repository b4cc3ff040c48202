"""The few plain pages that people see of a login, and the headers that keep them harmless."""

from html import escape
from typing import Final

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
