"""The IDE's page for a checkout whose front end was not built: an older GraphiQL from a CDN.

Newer versions are not published as plain scripts, hence a pinned older one. The hashes make the browser refuse files
that differ from the reviewed ones.
"""

import base64
import hashlib

import msgspec

HOST = "https://cdn.jsdelivr.net"


class CdnFile(msgspec.Struct, frozen=True):
    """A file on the CDN: its URL with the version, and its subresource integrity hash."""

    url: str
    integrity: str


STYLE = CdnFile(
    f"{HOST}/npm/graphiql@4.1.2/graphiql.min.css",
    "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
)
SCRIPTS = (
    CdnFile(
        f"{HOST}/npm/react@18.3.1/umd/react.production.min.js",
        "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    ),
    CdnFile(
        f"{HOST}/npm/react-dom@18.3.1/umd/react-dom.production.min.js",
        "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    ),
    CdnFile(
        f"{HOST}/npm/graphiql@4.1.2/graphiql.min.js",
        "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    ),
)
START_SCRIPT = """
const url = location.origin + location.pathname;
const fetcher = GraphiQL.createFetcher({ url, subscriptionUrl: url.replace(/^http/, "ws") });
const examples = JSON.parse(document.getElementById("gateway-examples").textContent).filter(({ query }) => query);
const defaultTabs = examples.map(({ query, variables }) => ({ query, variables: JSON.stringify(variables, null, 2) }));
const props = defaultTabs.length ? { fetcher, defaultTabs } : { fetcher };
ReactDOM.createRoot(document.getElementById("root")).render(React.createElement(GraphiQL, props));
"""
# The empty icon keeps browsers from asking for /favicon.ico, which the gateway does not serve.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Deliveries, SMS, logistics: GraphQL</title>
<link rel="icon" href="data:,">
{style}
</head>
<body style="margin: 0">
<div id="root" style="height: 100vh"></div>
{scripts}
<script>{start}</script>
</body>
</html>
"""


def document() -> bytes:
    """Return the page without examples."""
    # With `crossorigin`, because browsers check the integrity of another origin's file in CORS mode only.
    style = f'<link rel="stylesheet" href="{STYLE.url}" integrity="{STYLE.integrity}" crossorigin="anonymous">'
    scripts = [
        f'<script src="{file.url}" integrity="{file.integrity}" crossorigin="anonymous"></script>' for file in SCRIPTS
    ]
    return PAGE.format(style=style, scripts="\n".join(scripts), start=START_SCRIPT).encode()


def start_script_source() -> str:
    """Return the Content-Security-Policy source that allows the one inline script, by its hash."""
    digest = hashlib.sha256(START_SCRIPT.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
