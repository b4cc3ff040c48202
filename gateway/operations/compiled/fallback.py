"""The one way out of compiled execution."""


class NotCovered(Exception):
    """Compiled execution does not cover this operation, or this response: graphql-core takes over.

    It never reaches a client. Raised as well where a value is not what the schema promises: the error that this makes,
    its path and what it takes with it are graphql-core's to say.
    """
