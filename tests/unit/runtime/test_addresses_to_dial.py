from __future__ import annotations

import pytest

from lambent_shim.link.addresses import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, AddressBook, absolute_name, retry_delay


def test_all_addresses_of_all_names_and_all_peers_are_wanted() -> None:
    book = AddressBook()
    book.set_resolved("links:8081", ["10.0.0.1:8081", "10.0.0.2:8081"])
    book.set_peers("10.0.0.1:8081", ["10.0.0.3:8081"])
    assert book.wanted() == {"10.0.0.1:8081", "10.0.0.2:8081", "10.0.0.3:8081"}


def test_what_nobody_names_any_more_is_not_wanted() -> None:
    book = AddressBook()
    book.set_resolved("links:8081", ["10.0.0.1:8081"])
    book.set_peers("10.0.0.1:8081", ["10.0.0.2:8081"])
    book.set_peers("10.0.0.1:8081", [])
    assert book.wanted() == {"10.0.0.1:8081"}
    book.set_peers("10.0.0.2:8081", ["10.0.0.9:8081"])
    book.forget_teller("10.0.0.2:8081")
    book.set_resolved("links:8081", [])
    assert book.wanted() == set()


def test_retries_begin_soon_and_end_rare() -> None:
    assert FIRST_RETRY_SECONDS / 2 <= retry_delay(1, 1.0) <= retry_delay(1, 0.0) <= FIRST_RETRY_SECONDS
    assert retry_delay(2, 0.0) == 2 * FIRST_RETRY_SECONDS
    assert retry_delay(1000, 0.0) == LONGEST_RETRY_SECONDS


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a.b.svc.cluster.local", "a.b.svc.cluster.local."),
        ("a.b.", "a.b."),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
    ],
)
def test_full_names_get_their_dot(host: str, name: str) -> None:
    assert absolute_name(host) == name
