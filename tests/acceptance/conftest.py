"""One running service for the tests of what its users see."""

import itertools
from collections.abc import Iterator

import pytest

from tests.service import Client, Service, deleted_at_the_end, running_service

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`keyledger up`, for the whole session."""
    with (
        deleted_at_the_end(tmp_path_factory.mktemp("service")) as data,
        running_service(data) as running,
    ):
        yield running


@pytest.fixture
def client(service: Service) -> Client:
    """The demo organisation's client, with both credentials."""
    return service.client


@pytest.fixture
def user(client: Client) -> str:
    """A user of this test's own, who exists."""
    user_id = f"user-{next(_numbers)}"
    assert client.create(user_id).status_code == 201
    return user_id


@pytest.fixture
def _nothing_is_enqueued(service: Service) -> Iterator[None]:
    """Whatever the test sends is refused before any command is accepted."""
    before = service.accepts()
    yield
    assert before == service.accepts()
