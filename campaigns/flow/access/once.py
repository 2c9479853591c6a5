"""Do an act once for one idempotency key, and return the first answer for every later request with it."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.store.access.keyed_store import Kept, Key, find_answer, keyed
from campaigns.store.database.engine import Store


def once(store: Store, key: Key, act: Callable[[Store], Kept]) -> Kept:
    """The answer of `act`, or the one that was kept for the key.

    `act` gets the store to work with, and returns the status and the JSON of its answer. A refusal is not kept: it
    changed nothing, so the same key may be used again. Raises KeyReused, KeyInUse, and what `act` raises.
    """
    with store.read() as connection:
        kept = find_answer(connection, key)
    if kept is not None:
        return kept
    own = keyed(store, key)
    try:
        answer = act(own)
    except BaseException:
        own.release()
        raise
    own.finish(answer.status, answer.answer)
    return answer
