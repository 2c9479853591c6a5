"""A store for one act that has a row of its own: the row is committed with the act, or neither is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from campaigns.store.database.engine import Store


@dataclass(slots=True)
class _Pending:
    """The newest transaction of an act, which is not committed yet."""

    is_claimed: bool = False  # a transaction with the claim is committed
    connection: Connection | None = None
    transaction: ExitStack = field(default_factory=ExitStack)

    def hold(self, connection: Connection, transaction: ExitStack) -> None:
        self.connection, self.transaction = connection, transaction

    def commit(self) -> None:
        if self.connection is not None:
            self.connection = None
            self.transaction.close()
            self.is_claimed = True


@dataclass(frozen=True, slots=True)
class HeldStore(Store):
    """The store of one act. Whoever works with it reads and writes as with any store.

    The first transaction that is committed also claims the row of the act. The last one stays open until `finish`,
    which writes the answer into it and commits. So for an act of one transaction all of that is one commit. A crash
    between two transactions of an act leaves a claim without an answer: the act may be half done. An act that fails in
    its first transaction leaves nothing.
    """

    pending: _Pending = field(default_factory=_Pending, kw_only=True)

    def claim(self, connection: Connection) -> None:
        """Write that the act is this one's. Raises what refuses the act, which then writes nothing."""
        raise NotImplementedError

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed before the next one begins, or by `finish`. Raises what `claim` raises."""
        self.pending.commit()
        with ExitStack() as transaction:
            connection = transaction.enter_context(Store.write(self))
            if not self.pending.is_claimed:
                self.claim(connection)
            yield connection
            self.pending.hold(connection, transaction.pop_all())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot that has everything that the act wrote so far."""
        self.pending.commit()
        with Store.read(self) as connection:
            yield connection

    def end(self, write: Callable[[Connection], None]) -> None:
        """Write the end of the act and commit; for an act that wrote nothing, in a transaction with the claim."""
        if self.pending.connection is None:
            with self.write():
                pass
        assert self.pending.connection is not None
        try:
            write(self.pending.connection)
        except BaseException as fault:
            self.pending.connection = None
            self.pending.transaction.__exit__(type(fault), fault, fault.__traceback__)  # rolls back
            raise
        self.pending.commit()

    def release(self) -> None:
        """Commit what an act wrote before it failed, as a plain store does. Its claim has no answer then."""
        self.pending.commit()
