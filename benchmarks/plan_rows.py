"""The design that this project does without: a row for each recipient, with indexes to find user and batch by."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import cast

from sqlalchemy import ForeignKey, Index, Table, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from campaigns.store.database.engine import open_store

BATCH_SIZE = 500


class Base(DeclarativeBase):
    pass


class Parcel(Base):
    __tablename__ = "parcel"
    id: Mapped[int] = mapped_column(primary_key=True)


class Recipient(Base):
    __tablename__ = "recipient"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))
    state: Mapped[str]
    __table_args__ = (Index("recipient_by_user", "user_id"), Index("recipient_by_parcel", "parcel_id"))


def row_for_each(file: str, url: str, count: int, *, objects: bool) -> Callable[[], int]:
    """Read the first `count` lines and write a row for each user, as ORM objects or by one Core statement."""
    engine = open_store(url).writer
    Base.metadata.create_all(engine)

    table = cast("Table", Recipient.__table__)

    def work() -> int:
        with Path(file).open() as lines:
            users = sorted(set(map(int, islice(lines, count))))
        rows = [{"user_id": user, "parcel_id": n // BATCH_SIZE + 1, "state": "ready"} for n, user in enumerate(users)]
        with Session(engine) as session:
            session.execute(insert(Parcel), [{"id": n + 1} for n in range(len(users) // BATCH_SIZE + 1)])
            if objects:
                session.add_all(Recipient(**row) for row in rows)
            else:
                session.execute(insert(table), rows)
            session.commit()
        return len(users)

    return work
