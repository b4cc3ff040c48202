"""Why the operation stack does not run an operation, beside the errors of `resolvers/errors.py`.

    GatewayError
    |-- MutationByGet    HTTP forbids changes by GET
    `-- RequestTooLarge  the document, its variables or its extensions are over their limits

Each transport has its own sign for them; HTTP's are in `gateway/http/response.py`.
"""

from resolvers.errors import GatewayError


class MutationByGet(GatewayError):
    """The operation of a GET is a mutation."""

    code = "BAD_INPUT"

    def __init__(self) -> None:
        super().__init__("A GET may not carry a mutation; send it as a POST.")


class RequestTooLarge(GatewayError):
    """The document, its variables or its extensions are over their limits."""

    code = "BAD_INPUT"
