"""Whoever asks the vendor keeps the answer with its own question, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from campaigns.domain.errors import DatabaseAway
from campaigns.flow.sending import ask_vendor
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.known_team import WHOSE_KEY
from tests.world import TEAM, World


@pytest.mark.parametrize("restored_to", ["a stranger's question of that number", "no question of that number"])
def test_an_answer_to_a_question_that_a_restore_lost_is_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, restored_to: str
) -> None:
    sender = world.sender()
    strangers = vars(ask_vendor)["add_question"]

    def add_and_lose(connection: object, question: object, *, permit_key: str, **given: object) -> int:
        if restored_to.startswith("no"):
            return 77
        number: int = strangers(connection, question, permit_key="question:a stranger's", **given)
        return number

    monkeypatch.setattr(ask_vendor, "add_question", add_and_lose)
    with pytest.raises(DatabaseAway, match="restored"):
        ask(sender, WHOSE_KEY, lambda: TEAM, lambda team: {"team": team})

    with world.store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM answer")) == 0
