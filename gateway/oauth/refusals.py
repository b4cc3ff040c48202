"""Why a login came to nothing, as people in front of a browser are told.

HttpRefusal
|-- LoginRefused   400: the login was denied, is too old, was used, or belongs to another browser
|-- LoginNotSetUp  503: the operator has not set what logins need
`-- LoginFailed    502: the logistics API did not do its part
"""

from gateway.http.refusals import HttpRefusal


class LoginRefused(HttpRefusal):
    """This login cannot be completed; another one may."""

    status = 400


class LoginNotSetUp(HttpRefusal):
    """The operator has not set what logins need."""

    code = "UPSTREAM_UNCONFIGURED"
    status = 503


class LoginFailed(HttpRefusal):
    """The logistics API did not do its part."""

    code = "UPSTREAM_UNAVAILABLE"
    status = 502
    retryable = True
