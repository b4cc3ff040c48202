"""How the simulated send-tasks API is set up."""

from dataclasses import dataclass, field

from gateway.sandbox.deliveries.list import CommaList


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveriesOptions:
    """How the simulated send-tasks API behaves where its document leaves it open; a value.

    Attributes:
        email: The one account's login.
        password: Its password.
        token: A bearer token that is always good, beside those from the login; None for none.
        token_seconds: How long a token from the login is good, in seconds of the sandbox's clock.
        comma_list: What `filter[id]=1,2` does: "ids" finds both, "refuse" answers 400, "ignore" finds the first alone.
        page_size: The page size where none is asked for; 20 in the document's sample.
        max_page_size: Larger pages are cut down to this.
        content_type_on_reads: Whether a GET or DELETE without Content-Type, which the document marks as required, is
            answered 415.
    """

    email: str = "demo@example.com"
    password: str = field(default="sandbox-password", repr=False)
    token: str | None = field(default=None, repr=False)
    token_seconds: int = 3600
    comma_list: CommaList = "ids"
    page_size: int = 20
    max_page_size: int = 100
    content_type_on_reads: bool = True
