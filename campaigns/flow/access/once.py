"""Do an act once for one idempotency key, and return the first answer for every later request with it."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.domain.errors import KeyInUse
from campaigns.store.access.keyed_store import Kept, Key, Simultaneous, find_answer, keyed
from campaigns.store.database.engine import Store


def once(store: Store, key: Key, act: Callable[[Store], Kept]) -> Kept:
    """The answer of `act`, or the one that was kept for the key.

    `act` gets the store to work with, and returns the status and the JSON of its answer. A refusal is not kept: it
    changed nothing, so the same key may be used again. Of simultaneous requests one acts; the others wait for it, as
    long as it has one transaction, and return its answer. Raises KeyReused, KeyInUse, and what `act` raises.
    """
    kept = find_answer(store, key)
    if kept is not None:
        return kept
    own = keyed(store, key)
    try:
        answer = act(own)
        own.finish(answer.status, answer.answer)
    except Simultaneous:
        kept = find_answer(store, key)
        if kept is None:
            raise KeyInUse(
                "Another request with this idempotency key came at the same time. Ask again with the same key for its "
                "answer."
            ) from None
        return kept
    except BaseException:
        own.release()
        raise
    return answer
