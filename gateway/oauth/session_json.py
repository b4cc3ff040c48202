"""How sessions look in JSON."""

from datetime import UTC, datetime
from typing import Any

from gateway.oauth.login import Opened
from gateway.oauth.sessions import Session


def session_shown(session: Session, current: Session | None = None) -> dict[str, Any]:
    """A session to its owner; nobody gets in with what it shows.

    Args:
        session: Which.
        current: The one that asks.
    """
    return {
        "id": session.session_id,
        "createdAt": _instant(session.created_at),
        "expiresAt": _instant(session.expires_at),
        "current": current is not None and session.session_id == current.session_id,
    }


def token_shown(opened: Opened) -> dict[str, Any]:
    """The token of a session that has just begun, for clients that keep no cookies."""
    return {"token": opened.token, "tokenType": "Bearer", "session": session_shown(opened.session, opened.session)}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
