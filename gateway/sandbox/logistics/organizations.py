"""The organizations of a platform partner in the simulated logistics API, with their roles and invitations.

Organizations and the rules for their names follow the vendor's public pages; roles are assumed to be `{id, name}`.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from gateway.sandbox.generated_records import seeded_random, seeded_uuid
from gateway.sandbox.logistics.requests import already_exists, check_object, check_required_text, invalid, not_found
from gateway.sandbox.logistics.tasks import PLATFORM_ID, wire_time

SEEDED_NAMES: Final = (
    "Lion City Chandlers",
    "Pacific Marine Stores",
    "Orient Provisions",
    "Anchor Spare Parts",
    "Bunker and Lube Supplies",
)
ROLE_NAMES: Final = ("OrgAdmin", "OrgMember", "OrgTransporter")

_NAME: Final = re.compile(r"[A-Za-z0-9 _-]+")
_RESERVED: Final = frozenset({"root", "sysadmin", "admin", "sys", "system", "freelancedriver"})
_FORBIDDEN_PARTS: Final = ("versafleet", "gotsurge")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Organization = dict[str, Any]


class Organizations:
    """The organizations in the order of their creation; simulator lifetime.

    Args:
        seed: Decides their ids and prices.
        now: When the simulator starts; the seeded organizations are some months older.
    """

    def __init__(self, seed: int, now: datetime) -> None:
        self._seed = seed
        self._by_id: dict[str, Organization] = {}
        for number, name in enumerate(SEEDED_NAMES):
            self._add(name, now.replace(microsecond=0) - timedelta(days=180 - 20 * number))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all organizations, oldest first."""
        return tuple(self._by_id)

    def create(self, body: Mapping[str, Any], now: datetime) -> Organization:
        """Create an organization.

        Args:
            body: `{business_name}`.
            now: The time of creation.

        Raises:
            Refused: 422 if the name violates a rule, 409 if it is in use.
        """
        name = check_required_text(body.get("business_name"), "business_name").strip()
        _check_name(name)
        # Whether case counts is undocumented; it is assumed not to, as in the rule for reserved names.
        if any(organization["business_name"].casefold() == name.casefold() for organization in self._by_id.values()):
            raise already_exists(f"There is an organization named {name} already.")
        return self._add(name, now)

    def find(self, org_id: str) -> Organization:
        """Return the organization with this id.

        Raises:
            Refused: 404 if there is none.
        """
        organization = self._by_id.get(org_id)
        if organization is None:
            raise not_found("organization", org_id)
        return organization

    def page(self, page: int, per_page: int) -> list[Organization]:
        """Return one page of the organizations, oldest first.

        Args:
            page: The page number, from 1.
            per_page: Organizations on a page.
        """
        first = (page - 1) * per_page
        return list(islice(self._by_id.values(), first, first + per_page))

    def roles(self, org_id: str) -> Sequence[Mapping[str, str]]:
        """Return the roles in an organization.

        Raises:
            Refused: 404 if there is no such organization.
        """
        self.find(org_id)
        return [{"id": seeded_uuid(org_id, name), "name": name} for name in ROLE_NAMES]

    def invite(self, body: Mapping[str, Any]) -> str:
        """Invite a user to an organization.

        Args:
            body: `{user: {email, org_id, role_id?}}`; the three fields are assumed.

        Returns:
            The message of the response.

        Raises:
            Refused: 422 if a field is missing or invalid, 404 if there is no such organization.
        """
        user = check_object(body.get("user"), "user")
        if not _EMAIL.fullmatch(check_required_text(user.get("email"), "user.email")):
            raise invalid("user.email", "must be an e-mail address")
        roles = self.roles(check_required_text(user.get("org_id"), "user.org_id"))
        role_id = user.get("role_id")
        if role_id is not None and role_id not in [role["id"] for role in roles]:
            raise invalid("user.role_id", "must be a role of the organization")
        # The words of the vendor's public page; the document has none.
        return "Invitation sent!"

    def _add(self, name: str, created_at: datetime) -> Organization:
        org_id = seeded_uuid(self._seed, "organization", len(self._by_id))
        chance = seeded_random(org_id)
        price = chance.randrange(500_000, 900_000, 50_000)
        self._by_id[org_id] = {
            "id": org_id,
            "business_name": name,
            "squad_price": price,
            "min_price": price - 100_000,
            "max_price": price + 1_000_000,
            "price_table": [{"code": "standard", "time_delta": 60, "price": price}],
            # Six characters, as the vendor writes; without those that look alike.
            "squad_code": "".join(chance.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=6)),
            "created_at": wire_time(created_at),
            "updated_at": wire_time(created_at),
            "version_seq": 0,
            # In the form of the document's "0-xxxxxxxx".
            "version_rev": f"0-{zlib.crc32(org_id.encode()):08x}",
            "is_qa": False,
            "fleet_types": ["van_1.7m", "lorry_14ft"],
            "platform_id": PLATFORM_ID,
        }
        return self._by_id[org_id]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid("business_name", "may hold letters, digits, spaces, dashes and underscores only")
    folded = name.casefold()
    if folded in _RESERVED or any(part in folded for part in _FORBIDDEN_PARTS):
        raise invalid("business_name", "is reserved")
