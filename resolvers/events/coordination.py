"""Who polls what: exactly one process for each account, as long as somebody anywhere follows a record of it."""

from collections.abc import Collection, Iterable
from typing import Protocol

from resolvers.events.changes import RecordKey


class PollCoordination(Protocol):
    """Agrees with the other processes on who polls; process lifetime.

    Methods raise `LogUnreachable` where the others cannot be asked now.
    """

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """Say what is followed in this process, and claim or renew the account's polling lease.

        To be called about every second for each account that has subscribers here.

        Args:
            identity: The account's.
            followed: Its records that subscribers of this process follow.

        Returns:
            What subscribers of all processes follow, where this process holds the lease; None where another does.
        """
        ...

    async def release(self, identities: Iterable[str]) -> None:
        """Follow nothing of these accounts any more, and let another process have their leases."""
        ...


class LocalCoordination:
    """The only process polls everything; lives as long as it."""

    async def share(self, identity: str, followed: Collection[RecordKey]) -> set[RecordKey] | None:
        """What is followed here is all there is."""
        del identity
        return set(followed)

    async def release(self, identities: Iterable[str]) -> None:
        """There is nobody else."""
        del identities
