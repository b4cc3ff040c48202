"""Finds the caller who holds a key or a token, whichever of the two it is."""

from gateway.auth.api_keys import ApiKeys
from gateway.auth.callers import Caller
from gateway.auth.credentials import Credentials
from gateway.auth.json_web_tokens import JwtCallers
from resolvers.errors import Unauthenticated


class KeyHolders:
    """The callers with an API key or a JWT; process lifetime.

    Args:
        api_keys: Callers with a key.
        jwt_callers: Callers with a token; None where the settings name no issuer.
    """

    def __init__(self, api_keys: ApiKeys, jwt_callers: JwtCallers | None = None) -> None:
        self._api_keys = api_keys
        self._jwt_callers = jwt_callers

    async def find(self, credentials: Credentials) -> Caller | None:
        """The caller whose key this is; None where the credentials show none.

        Raises:
            Unauthenticated: nobody's, or it is a token that is not what it must be.
            Forbidden: it is right, but for an account that this gateway does not have.
        """
        key = credentials.key
        if key is None:
            return None
        caller = self._api_keys.find(key)
        if caller is not None:
            return caller
        if self._jwt_callers is not None and not credentials.only_key and key.count(".") == 2:
            return await self._jwt_callers.find(key)
        raise Unauthenticated(
            "Check that the key or token is complete and meant for this gateway: it is not known here."
        )
