"""Options of the simulated APIs: credentials, lifetimes, and behaviour that the vendors' documents leave open."""

from dataclasses import dataclass, field
from typing import Literal

CommaList = Literal["ids", "refuse", "ignore"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveriesOptions:
    """Options of the simulated send-tasks API.

    Attributes:
        email: The login of the only account.
        password: Its password.
        token: A bearer token that never expires, beside those from the login; None for none.
        token_seconds: Lifetime of a token from the login, in seconds of the sandbox's clock.
        comma_list: How `filter[id]=1,2` is read: "ids" finds both, "refuse" answers 400, "ignore" finds the first only.
        page_size: The default page size; 20 in the document's sample.
        max_page_size: Larger page sizes are reduced to this; the document names no maximum.
        content_type_on_reads: Whether a GET or DELETE without Content-Type, which the document marks as required, is
            answered 415.
    """

    email: str = "demo@example.com"
    password: str = field(default="sandbox-password", repr=False)
    token: str | None = field(default=None, repr=False)
    # Assumed: no public page says how long a token is good for.
    token_seconds: int = 3600
    # The document shows one id; the pages of its sibling resources show several.
    comma_list: CommaList = "ids"
    page_size: int = 20
    max_page_size: int = 100
    content_type_on_reads: bool = True


@dataclass(frozen=True, slots=True)
class LogisticsOptions:
    """Options of the simulated logistics API.

    Attributes:
        client_key: The partner's key.
        secret_key: The partner's secret.
        token: A bearer token that never expires, of a platform partner's OrgAdmin.
        restricted_token: A bearer token of a user without a role: valid for `/tasks` and `/price`, 403 for `/platform`.
        refresh_token: A refresh token that never expires.
        replaces_refresh_tokens: Whether a refresh also returns a new refresh token and revokes the old one. The
            document does not mention it; servers that follow RFC 9700 do it.
        token_seconds: Lifetime of an issued bearer token in seconds; 30 days in the document.
        code_seconds: Lifetime of an authorization code in seconds; the document names none.
        session_seconds: Lifetime of a single sign-on session in seconds; the document says short-lived.
        webhook_url: The URL in the partner detail.
        pace: Factor on the time that tasks spend in each status; 0.1 is ten times as fast.
        failing_share: Share of the tasks, 0 to 1, that end in another status than complete.
    """

    client_key: str = "sandbox-client-key"
    secret_key: str = field(default="sandbox-secret-key", repr=False)
    token: str = field(default="sandbox-logistics-token", repr=False)
    restricted_token: str = field(default="sandbox-logistics-restricted-token", repr=False)
    refresh_token: str = field(default="sandbox-logistics-refresh-token", repr=False)
    replaces_refresh_tokens: bool = False
    token_seconds: float = 30 * 24 * 3600
    code_seconds: float = 600
    session_seconds: float = 120
    webhook_url: str = ""
    pace: float = 1.0
    failing_share: float = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsOptions:
    """Options of the simulated SMS service.

    Attributes:
        username: The only login.
        password: Its password.
        source: The sender of jobs that name none.
        max_requests_per_10_seconds: Limit of each host; requests beyond it are answered 429. None for no limit.
        limit_reads: Whether reads count towards the limit; the document lists 429 for posting only.
        retry_after_seconds: Retry-After of a 429; None omits the header.
        created_status: Status of a created job; the document lists both.
        unknown_job_status: Status for a job that a data centre does not have; the document lists only 500.
        unknown_recipients: The answer of GET /sms for such a job: "404" or an "empty" array.
        report_lag_seconds: How long a new job is not found, in seconds after it was posted.
        kept_days: How many days a job is kept: three months.
        failing_share: The share of recipients, 0 to 1, that do not end successfully.
    """

    username: str = "sandbox-user"
    password: str = field(default="sandbox-password", repr=False)
    source: str = "sandbox"
    # The document has the 10 seconds, and neither the number nor a Retry-After.
    max_requests_per_10_seconds: int | None = None
    limit_reads: bool = True
    retry_after_seconds: int | None = None
    created_status: Literal[200, 201] = 201
    # The vendor's Go SDK passes over a 404 of one of the data centres.
    unknown_job_status: Literal[404, 500] = 404
    unknown_recipients: Literal["404", "empty"] = "404"
    # The tests of the vendor's SDKs wait 2 to 8 seconds before they read a report.
    report_lag_seconds: float = 0.0
    kept_days: int = 92
    failing_share: float = 0.1
