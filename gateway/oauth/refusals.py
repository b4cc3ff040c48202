"""Errors of logins, with messages for the person at the browser.

HttpRefusal
|-- LoginRefused   400: the login was denied, is too old, was used, or belongs to another browser
|-- LoginNotSetUp  503: the operator has not set what logins need
`-- LoginFailed    502: the logistics API did not do its part
"""

from gateway.http.refusals import HttpRefusal


class LoginRefused(HttpRefusal):
    """This login cannot be completed; a new one may."""

    status = 400


class LoginNotSetUp(HttpRefusal):
    """The settings that logins need are missing."""

    code = "UPSTREAM_UNCONFIGURED"
    status = 503


class LoginFailed(HttpRefusal):
    """The logistics API failed."""

    code = "UPSTREAM_UNAVAILABLE"
    status = 502
    retryable = True
