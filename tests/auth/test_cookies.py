"""The session's cookie is found among whatever else a site sets, and one that is not ours lets nobody in as another."""

import pytest
from starlette.types import Scope

from gateway.auth.cookies import SESSION_COOKIE, Cookies, SameSite
from gateway.http.cross_site import OwnOrigin
from resolvers.errors import Unauthenticated

TOKEN = "gws_token-of-a-person"
HERE: Scope = {"scheme": "http", "headers": [(b"host", b"127.0.0.1:8000")]}
AWAY: Scope = {"scheme": "http", "headers": [(b"host", b"gateway.internal")]}
FOREIGN_COOKIES = [
    "theme=dark mode",
    'prefs={"a":[1,2],"b":"c d"}',
    "name=Jürgen",
    "filter[status]=open",
    "a[b]=c",
    "=nameless",
    "flag",
    "x=(y)",
    'quoted="a b',
    "e=",
    "  spaced = out ",
    "@x=1",
    "gateway_session_hint=1",
    "emoji=\N{SNOWMAN}",
    "comma=a,b",
    "date=Thu, 01 Jan 1970 00:00:00 GMT",
]


def cookies(public_url: str | None = None, same_site: SameSite = "lax") -> Cookies:
    return Cookies(OwnOrigin(public_url), same_site)


@pytest.mark.parametrize("foreign", FOREIGN_COOKIES)
@pytest.mark.parametrize(
    "order", ["{ours}; {foreign}", "{foreign}; {ours}", "{foreign};{ours};", "{foreign}; {ours}; {foreign}"]
)
@pytest.mark.parametrize(("scope", "name"), [(HERE, "gateway_session"), (AWAY, "__Host-gateway_session")])
def test_other_cookies_never_hide_the_session(foreign: str, order: str, scope: Scope, name: str) -> None:
    header = order.format(ours=f"{name}={TOKEN}", foreign=foreign).encode()

    assert cookies().session([header], scope) == TOKEN


@pytest.mark.parametrize("foreign", FOREIGN_COOKIES)
def test_other_cookies_alone_are_no_session(foreign: str) -> None:
    assert cookies().session([foreign.encode()], HERE) is None
    assert cookies().value([foreign.encode(), f"gateway_login=x;{foreign}".encode()], "gateway_login", HERE) == "x"


@pytest.mark.parametrize(
    "header",
    [
        f"theme=dark, __Host-gateway_session={TOKEN}",
        f"theme=dark,gateway_session={TOKEN}",
        "theme=dark; gateway_session",
        "__Host-gateway_session",
        f"gateway_session={TOKEN}",
        "gateway_session=",
        f"__Host-gateway_session={TOKEN}; __Host-gateway_session=other",
    ],
)
def test_a_session_cookie_that_the_gateway_has_not_set_is_an_error(header: str) -> None:
    with pytest.raises(Unauthenticated, match=SESSION_COOKIE):
        cookies().session([header.encode()], AWAY)


def test_a_planted_plain_cookie_beside_the_secure_one_is_passed_over() -> None:
    header = f"gateway_session=planted; __Host-gateway_session={TOKEN}".encode()

    assert cookies().session([header], AWAY) == TOKEN


@pytest.mark.parametrize("scope", [HERE, AWAY, {"scheme": "https", "headers": []}, {"scheme": "ws", "headers": []}])
def test_with_a_public_https_url_cookies_are_secure_whatever_a_proxy_says(scope: Scope) -> None:
    ours = cookies("https://gw.example")

    _, written = ours.setting(SESSION_COOKIE, TOKEN, scope, seconds=60)

    assert written == (f"__Host-gateway_session={TOKEN}; Path=/; Secure; Max-Age=60; HttpOnly; SameSite=Lax".encode())
    assert ours.session([f"__Host-gateway_session={TOKEN}".encode()], scope) == TOKEN


@pytest.mark.parametrize(
    ("public_url", "same_site", "name", "attribute"),
    [
        ("https://gw.example", "none", SESSION_COOKIE, "; Secure; Max-Age=60; HttpOnly; SameSite=None"),
        ("https://gw.example", "strict", SESSION_COOKIE, "; Secure; Max-Age=60; HttpOnly; SameSite=Strict"),
        # The consent page, on another site, sends the browser back: its cookie must come along.
        ("https://gw.example", "strict", "gateway_login", "; Secure; Max-Age=60; HttpOnly; SameSite=Lax"),
        ("http://127.0.0.1:8000", "none", SESSION_COOKIE, "Path=/; Max-Age=60; HttpOnly; SameSite=Lax"),
    ],
)
def test_an_operator_says_which_sites_requests_carry_a_session(
    public_url: str, same_site: SameSite, name: str, attribute: str
) -> None:
    _, written = cookies(public_url, same_site).setting(name, TOKEN, HERE, seconds=60)

    assert written.decode().endswith(attribute)
