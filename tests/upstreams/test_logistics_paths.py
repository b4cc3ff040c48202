import pytest

from resolvers.errors import BadInput
from resolvers.upstreams.logistics.base_client import LogisticsConfig, LogisticsPaths, fill


def test_a_path_that_lacks_its_placeholder_is_refused() -> None:
    with pytest.raises(ValueError, match=r"task_detail must start with / and hold \{task_id\}"):
        LogisticsPaths(task_detail="/tasks")


def test_a_path_that_starts_with_no_slash_is_refused() -> None:
    with pytest.raises(ValueError, match="price must start with /"):
        LogisticsPaths(price="price")


def test_an_id_cannot_change_the_path_that_it_stands_in() -> None:
    assert fill("/tasks/{task_id}/cancel", "{task_id}", "../a b?c#d%2F") == "/tasks/..%2Fa%20b%3Fc%23d%252F/cancel"


@pytest.mark.parametrize("own_id", ["", ".", ".."])
def test_an_id_that_a_server_would_take_for_a_path_is_refused(own_id: str) -> None:
    with pytest.raises(BadInput):
        fill("/tasks/{task_id}", "{task_id}", own_id)


def test_the_secret_key_does_not_show_in_the_configuration() -> None:
    config = LogisticsConfig("https://logistics.example", client_key="shown", secret_key="planted-secret")

    assert "shown" in repr(config)
    assert "planted-secret" not in repr(config)
