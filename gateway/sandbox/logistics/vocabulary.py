"""Statuses, enumerations and field names of the logistics API, as spelled in the vendor's document."""

from typing import Final

DRAFT: Final = "draft"
PENDING_BROADCAST: Final = "pending_broadcast"
BROADCASTING: Final = "broadcasting"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"
ACCEPTED: Final = "accepted"
PENDING_PICKUP: Final = "pending_pickup"
PICKUP_ARRIVING: Final = "pickup_arriving"
UNSUCCESSFUL_PICKUP: Final = "unsuccessful_pickup"
PENDING_DELIVERY: Final = "pending_delivery"
DELIVERY_ARRIVING: Final = "delivery_arriving"
UNSUCCESSFUL_DELIVERY: Final = "unsuccessful_delivery"
COMPLETE: Final = "complete"

CANCELLABLE: Final = frozenset({PENDING_BROADCAST, BROADCASTING})
"""Statuses in which a task can be cancelled (document: Order Statuses)."""

BEFORE_ACCEPTANCE: Final = frozenset({DRAFT, PENDING_BROADCAST, BROADCASTING, CANCELLED, EXPIRED})
"""Statuses of a task that no driver has accepted."""

BROADCAST_PREFERENCES: Final = frozenset({"marine", "squad", "all"})
TRUCK_SERVICES: Final = frozenset({"ftl", "ltl"})
PRICE_SERVICES: Final = (
    "motorcycle",
    "car",
    "mpv",
    "van_1.7m",
    "van_2.4m",
    "lorry_10ft",
    "lorry_14ft",
    "lorry_24ft",
    "lorry_40ft",
)
"""`service_type` of the price request, from the smallest vehicle to the largest."""
VEHICLES: Final = frozenset({*PRICE_SERVICES, "ltl", "lorry_20ft"})

TASK_FIELDS: Final = (
    "id",
    "tracking_id",
    "group_tag",
    "invoice_number",
    "from_address",
    "from_time_window",
    "from_contact",
    "to_address",
    "to_time_window",
    "to_contact",
    "distance_in_meters",
    "pickup_note_to_driver",
    "delivery_note_to_driver",
    "is_urgent",
    "price",
    "currency",
    "items",
    "cargo_net_quantity",
    "task_creation_group",
    "broadcast_preference",
    "client_time_utc",
    "client_timezone",
    "attachments",
    "org_transporter",
    "driver",
    "current_status",
    "statuses",
    "org_id",
    "platform_id",
    "vehicle_preference",
    "vehicle_emissions_type",
    "vehicle_emissions",
    "client",
    "updated_at",
    "epod",
    "version_rev",
)
"""The keys of a task. No sample has `version_rev`, but an update must send it, so it is assumed to be one of them."""

ADDRESS_FIELDS: Final = (
    "street_address",
    "building_name",
    "city",
    "state",
    "country",
    "zip_code",
    "latitude",
    "longitude",
    "altitude",
)
CONTACT_FIELDS: Final = (
    "name",
    "phone",
    "email",
    "company_name",
    "vessel_id",
    "vessel_imo",
    "vessel_name",
    "lighter_boat_name",
    "lighter_company_name",
    "vehicle_name",
    "berth_no",
)
