"""Passwords: what is stored of them, and that a digest with old parameters is replaced at the next login."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from sqlalchemy import text

from campaigns.domain.access.rights import Right
from campaigns.domain.access.typed import new_password, operator_name
from campaigns.domain.errors import InvalidInput
from campaigns.flow.access import passwords
from campaigns.flow.access.log_in import Browser, log_in
from campaigns.flow.access.operators import add_operator
from campaigns.store.database.engine import Store
from tests.one_database import AGAIN_ON_POSTGRESQL

PASSWORD = "a very long password"


def test_a_password_is_stored_as_argon2id_with_what_owasp_asks_for() -> None:
    digest = passwords.hash_password(PASSWORD)
    asked = extract_parameters(digest)

    assert (asked.type, asked.memory_cost, asked.time_cost, asked.parallelism) == (Type.ID, 19 * 1024, 2, 1)
    assert passwords.is_password(digest, PASSWORD)
    assert passwords.is_password(passwords.hash_password("ein l\u00e4ngeres Wort"), "ein la\u0308ngeres Wort")
    assert not passwords.is_password(digest, PASSWORD + " ")
    assert not passwords.is_password(None, PASSWORD)
    assert not passwords.is_password("changed by hand", PASSWORD)


@pytest.mark.parametrize("database_url", AGAIN_ON_POSTGRESQL, indirect=True)
def test_a_digest_with_old_parameters_is_replaced_at_the_next_login(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stored() -> str:
        with store.read() as connection:
            return str(connection.execute(text("SELECT password FROM desk_operator")).scalar_one())

    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    add_operator(store, "anna", frozenset({Right.ADMIN}), actor="operator:root", password=PASSWORD)
    old = stored()
    monkeypatch.undo()
    log_in(store, "anna", PASSWORD, Browser("192.0.2.1"), secret=b"x")
    new = stored()
    log_in(store, "anna", PASSWORD, Browser("192.0.2.1"), secret=b"x")

    assert "m=8," in old
    assert "m=19456," in new
    assert stored() == new


@pytest.mark.parametrize("password", ["short", "a" * 300, "aaaaaaaaaaaaaaaa", "annaannaanna"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        new_password(password, name="anna")


@pytest.mark.parametrize("name", ["", "  ", "an na", "-anna", "\u0430nna", "anna\u202e", "a" * 65, "anna/..", "anna\0"])
def test_a_name_that_could_be_taken_for_another_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        operator_name(name)
