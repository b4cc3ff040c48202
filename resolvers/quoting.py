"""Quotes values in messages as JSON, the form in which clients wrote them."""

import json
from typing import Final

MAX_QUOTED: Final = 100
"""Characters of a quoted value; a longer one is cut off."""

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, default=str)


def quoted(value: object, limit: int = MAX_QUOTED) -> str:
    """Return a value in its JSON form, cut off after so many characters.

    Args:
        value: Any JSON value, such as a client's text.
        limit: The most characters that are quoted.
    """
    if isinstance(value, str):
        # Cut before it is encoded, so that what is left has its closing quote.
        return _sayable(f"{value[:limit]}..." if len(value) > limit else value)
    text = ""
    # Piece by piece, because a message needs the beginning only and the value may be most of a request.
    for piece in _ENCODER.iterencode(value):
        text += piece
        if len(text) > limit:
            return f"{text[:limit]}...".encode(errors="replace").decode()
    return text.encode(errors="replace").decode()


def _sayable(text: str) -> str:
    encoded = json.dumps(text, ensure_ascii=False)
    try:
        encoded.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, which UTF-8 cannot say but an escape can.
        return json.dumps(text)
    return encoded
