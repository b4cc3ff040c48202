"""Takes the addresses of machines out of what an upstream says, because clients read it.

An upstream that passes on an error of its own network names hosts that nobody outside has to know. Public addresses,
such as that of a vendor's documentation, stay.
"""

import ipaddress
import re
from typing import Final

REPLACEMENT: Final = "[internal address]"
"""What stands in the place of an address."""

_INNER: Final = r"internal|intranet|local|localdomain|lan|corp|private|svc|home\.arpa"
"""Ends of names that no public server has (RFC 6762, RFC 8375 and the habits of Kubernetes and clouds)."""

_ADDRESS: Final = re.compile(
    rf"""(?P<scheme> \b[a-z][a-z0-9+.-]*:// )?+ (?: [^\s/@"'<>]+@ )?+  # a URL, perhaps with credentials
    (?:
        (?P<number> \[[0-9a-f:.]+\] | (?<![\w.]) \d{{1,3}}(?:\.\d{{1,3}}){{3}} (?![\w.]*\w) )
        |
        (?P<inner> (?<![\w.-]) (?: (?:[a-z0-9_-]+\.)+ (?:{_INNER}) | localhost ) (?![\w-]|\.\w) )
        |
        (?<=://) (?P<name> [a-z0-9_-]+ ) (?![\w.-])  # a name without a dot
    )
    (?: :\d{{1,5}} )?  (?: (?<!\s)/[^\s"'<>),;]* )?""",
    re.IGNORECASE | re.VERBOSE,
)


def without_hosts(text: str) -> str:
    """Return a text with `REPLACEMENT` in the place of each address of an internal machine."""
    # Hardly any text has one, and most are found to have none by these two characters.
    if "." not in text and ":" not in text and "localhost" not in text.lower():
        return text
    return _ADDRESS.sub(_replaced, text)


def _replaced(found: "re.Match[str]") -> str:
    number = found["number"]
    return found[0] if number is not None and _is_public(number.strip("[]")) else REPLACEMENT


def _is_public(number: str) -> bool:
    try:
        return ipaddress.ip_address(number).is_global
    except ValueError:
        # A number of four parts that is no address, such as a version.
        return True
