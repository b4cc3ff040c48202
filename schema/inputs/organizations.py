"""What clients say about organizations and who belongs to them."""

from resolvers.catalogue import local_id
from resolvers.kinds.logistics import ORGANIZATION_ID, ROLE_ID
from resolvers.upstreams.logistics.requests import Invitation
from schema.inputs.checks import email
from schema.inputs.refusals import Refusals


def invitation(address: str, organization_id: str, role_id: str | None) -> Invitation:
    """What the upstream is sent to invite a user.

    Args:
        address: The email address to invite.
        organization_id: The organization to invite into.
        role_id: What the user is to be there; a role has no global id.

    Raises:
        BadInput: no email address, or an id that is none.
    """
    with Refusals() as checked:
        return Invitation(
            checked(email, address, ("email",)),
            checked(local_id, ORGANIZATION_ID, organization_id, ("organizationId",)),
            None if role_id is None else checked(local_id, ROLE_ID, role_id, ("roleId",)),
        )
