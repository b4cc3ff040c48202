"""Organizations, roles and invitations."""

from typing import Any

import pytest

from tests.sandbox.logistics.server import LogisticsServer, logistics_server


async def first_organization(api: LogisticsServer) -> dict[str, Any]:
    listed = await api.http.get("/platform/organizations", params={"per_page": 1})
    organization: dict[str, Any] = listed.json()["organizations"][0]
    return organization


async def test_five_organizations_are_listed_in_pages() -> None:
    async with logistics_server() as api:
        listed = (await api.http.get("/platform/organizations")).json()
        last = (await api.http.get("/platform/organizations?page=3&per_page=2")).json()

    assert listed["meta"] == {"page": 1, "per_page": 200}
    assert len(listed["organizations"]) == 5
    assert last["organizations"] == listed["organizations"][4:]
    assert listed["organizations"][0].keys() >= {
        "id",
        "business_name",
        "squad_price",
        "min_price",
        "max_price",
        "price_table",
        "squad_code",
        "created_at",
        "updated_at",
        "version_seq",
        "version_rev",
        "is_qa",
        "fleet_types",
    }


async def test_an_organization_is_found_by_its_exact_id_alone() -> None:
    async with logistics_server() as api:
        organization = await first_organization(api)
        found = await api.http.get(f"/platform/organizations/{organization['id']}")
        other_case = await api.http.get(f"/platform/organizations/{organization['id'].upper()}")

    assert found.json() == {"organization": organization}
    assert other_case.status_code == 404


async def test_a_created_organization_can_be_read_and_own_tasks() -> None:
    async with logistics_server() as api:
        created = await api.http.post("/platform/organizations", json={"business_name": "ABC Merchant"})
        organization = created.json()["organization"]
        read = await api.http.get(f"/platform/organizations/{organization['id']}")
        task = await api.create(org_id=organization["id"])

    assert created.status_code == 201
    assert organization["business_name"] == "ABC Merchant"
    assert read.json() == created.json()
    assert task["org_id"] == organization["id"]


@pytest.mark.parametrize(
    "name",
    ["", " ", "A&B", "Tab\tName", "root", "SysAdmin", "SYSTEM", "freelancedriver", "My VersaFleet", "gotsurge2", 7],
)
async def test_a_business_name_that_breaks_a_rule_is_refused(name: object) -> None:
    async with logistics_server() as api:
        answer = await api.http.post("/platform/organizations", json={"business_name": name})

    assert answer.status_code == 422


async def test_a_business_name_is_unique() -> None:
    async with logistics_server() as api:
        name = (await first_organization(api))["business_name"]
        answer = await api.http.post("/platform/organizations", json={"business_name": name})

    assert answer.status_code == 409
    assert answer.json()["code"] == "already_exists"


async def test_roles_are_listed_and_belong_to_their_organization() -> None:
    async with logistics_server() as api:
        listed = (await api.http.get("/platform/organizations")).json()["organizations"]
        roles = [
            (await api.http.get(f"/platform/organizations/{organization['id']}/roles")).json()["roles"]
            for organization in listed[:2]
        ]
        unknown = await api.http.get("/platform/organizations/unknown/roles")

    assert [role["name"] for role in roles[0]] == ["OrgAdmin", "OrgMember", "OrgTransporter"]
    assert not {role["id"] for role in roles[0]} & {role["id"] for role in roles[1]}
    assert unknown.status_code == 404


async def test_a_user_is_invited_with_a_role_of_the_organization() -> None:
    async with logistics_server() as api:
        org_id = (await first_organization(api))["id"]
        roles = (await api.http.get(f"/platform/organizations/{org_id}/roles")).json()["roles"]
        user = {"email": "new@example.com", "org_id": org_id, "role_id": roles[1]["id"]}
        answers = [
            await api.http.post("/platform/users/invite", json={"user": user | change})
            for change in (
                {},
                {"role_id": None},
                {"role_id": "none"},
                {"email": "nobody"},
                {"org_id": "unknown"},
                {"email": None},
            )
        ]

    assert answers[0].json() == {"message": "Invitation sent!"}
    assert [answer.status_code for answer in answers] == [200, 200, 422, 422, 404, 422]
