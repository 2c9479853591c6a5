"""The sealer of the release before versions, as docs/audit.md described it then."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, Table, delete, insert, select

from campaigns.store.database.engine import Store
from campaigns.store.tables.attempts import attempt, attempt_outcome, evidence
from campaigns.store.tables.audit import event, seal, unsealed

OF_THE_FIRST_RELEASE = {
    "event": "id at actor kind account_id campaign_id run_id batch_seq reason detail",
    "attempt": "batch_id number previous account_id fence request_sha256 request_bytes recipients worker started_at "
    "deadline_at",
    "attempt_outcome": "batch_id number kind finished_at http_status upstream_status message_id error retry_at "
    "credits_used credits_balance limit_minute remaining_minute report response",
    "evidence": "id batch_id number kind at actor reason message_id detail",
}


def sealed_by_the_first_release(store: Store) -> None:
    """Seal all that waits, with nothing of the code under test."""
    with store.write() as connection:
        trail = connection.execute(select(seal.c.number, seal.c.trail_sha256).order_by(seal.c.number.desc())).first()
        number, before = (0, "0" * 64) if trail is None else trail
        for row in connection.execute(select(event).order_by(event.c.id)).all():
            if connection.scalar(select(unsealed.c.event_id).where(unsealed.c.event_id == row.id)) is None:
                continue
            number += 1
            before = first_release_seal(connection, row, number, before, store.now(connection))
        connection.execute(delete(unsealed))


def first_release_seal(connection: Connection, row: Any, number: int, before: str, now: datetime) -> str:
    chain = f"run:{row.run_id}" if row.run_id else f"account:{row.account_id}" if row.account_id else "global"
    last = connection.execute(
        select(seal.c.position, seal.c.sha256).where(seal.c.chain == chain).order_by(seal.c.position.desc())
    ).first()
    position, chain_before = (0, "0" * 64) if last is None else last
    covered = first_release_cover(connection, row.run_id) if row.kind == "run_ended" else {}
    sealed = {
        "before": chain_before,
        "chain": chain,
        "position": position + 1,
        "sealed_at": now.isoformat(timespec="microseconds"),
        "covered": covered.get("covered_sha256"),
        "event": plain(row._mapping, event),
    }
    sha256 = hashlib.sha256(line(sealed)).hexdigest()
    trail_sha256 = hashlib.sha256((before + sha256).encode()).hexdigest()
    columns = {"number": number, "chain": chain, "position": position + 1, "event_id": row.id, "sha256": sha256}
    connection.execute(insert(seal).values(trail_sha256=trail_sha256, sealed_at=now, **columns, **covered))
    return trail_sha256


def first_release_cover(connection: Connection, run_id: int) -> dict[str, Any]:
    assert run_id == 1, "the only run there is"
    outcomes = {(row.batch_id, row.number): row for row in connection.execute(select(attempt_outcome))}
    hashed, fences, numbers = hashlib.sha256(), [], []
    for row in connection.execute(select(attempt).order_by(attempt.c.fence)).all():
        outcome = outcomes[row.batch_id, row.number]
        pair = {"attempt": plain(row._mapping, attempt), "outcome": plain(outcome._mapping, attempt_outcome)}
        hashed.update(line(pair) + b"\n")
        fences.append(row.fence)
    for row in connection.execute(select(evidence).order_by(evidence.c.id)).all():
        hashed.update(line({"evidence": plain(row._mapping, evidence)}) + b"\n")
        numbers.append(row.id)
    blobs = {"covered_attempts": BitMap64(fences).serialize(), "covered_evidence": BitMap64(numbers).serialize()}
    return {**blobs, "covered_sha256": hashed.hexdigest()}


def plain(row: Any, table: Table) -> dict[str, Any]:
    values = {name: row[name] for name in OF_THE_FIRST_RELEASE[table.name].split()}
    return {
        name: value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def line(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
