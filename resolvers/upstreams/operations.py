"""The operations of the upstreams' APIs, by the names that explained calls show and estimates count."""

from typing import Final, NamedTuple

from resolvers.upstreams.names import UpstreamName


class Operation(NamedTuple):
    """One operation of a vendor's API."""

    upstream: UpstreamName
    name: str


def _deliveries(name: str) -> Operation:
    return Operation(UpstreamName.DELIVERIES, name)


def _sms(name: str) -> Operation:
    return Operation(UpstreamName.SMS, name)


def _logistics(name: str) -> Operation:
    return Operation(UpstreamName.LOGISTICS, name)


DELIVERY: Final = _deliveries("delivery")
DELIVERIES: Final = _deliveries("deliveries")
DELIVERIES_BY_ID: Final = _deliveries("deliveries_by_id")
CREATE_DELIVERY: Final = _deliveries("create_delivery")
UPDATE_DELIVERY: Final = _deliveries("update_delivery")
PRODUCT: Final = _deliveries("product")
PRODUCT_OF: Final = _deliveries("product_of")
UPLOAD_IDENTIFICATION: Final = _deliveries("upload_identification")
UPLOAD_IDENTIFICATION_OF: Final = _deliveries("upload_identification_of")

JOB_REPORT: Final = _sms("job_report")
JOB_IDS: Final = _sms("job_ids")
RECIPIENTS: Final = _sms("recipients")
CREATE_JOB: Final = _sms("create_job")
SMS_VERSION: Final = _sms("version")

# By the platform's names: an account without it makes at most one call of the partner's own in place of each.
TASK: Final = _logistics("platform_task_detail")
TASKS: Final = _logistics("platform_list_tasks")
CREATE_TASKS: Final = _logistics("platform_create_tasks")
UPDATE_TASK: Final = _logistics("platform_update_task")
CANCEL_TASK: Final = _logistics("cancel_task")
BROADCAST_TASKS: Final = _logistics("broadcast_draft_tasks")
BROADCAST_WITH_TRACKING: Final = _logistics("broadcast_with_tracking")
SET_TRACKING_IDS: Final = _logistics("patch_tracking_ids")
ORGANIZATION: Final = _logistics("organization_detail")
ORGANIZATIONS: Final = _logistics("list_organizations")
CREATE_ORGANIZATION: Final = _logistics("create_organization")
ROLES: Final = _logistics("list_roles")
INVITE_USER: Final = _logistics("invite_user")
PARTNER: Final = _logistics("partner_detail")
PRICE: Final = _logistics("price")
