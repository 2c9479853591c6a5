"""Run the statements of the send path on the driver itself: SQLAlchemy compiles each of them once.

Executing a statement through SQLAlchemy costs ten times what SQLite takes to run it, and a send runs ten of them. The
text, the conversion of parameters, the transaction and the errors are still SQLAlchemy's. The result is the
driver's plain rows, so this is for columns of numbers, texts and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError

from campaigns.store.database.faults import forget_row, spoils_connection

_compiled: dict[tuple[ClauseElement, str], _Prepared] = {}


@dataclass(frozen=True, slots=True)
class _Prepared:
    text: str
    order: tuple[str, ...] | None  # None: the driver takes names
    constants: dict[str, Any]
    conversions: tuple[tuple[str, Callable[[Any], Any]], ...]

    def values(self, given: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """The parameters for the driver."""
        values = {**self.constants, **given}
        for name, convert in self.conversions:
            values[name] = convert(values[name])
        return values if self.order is None else tuple([values[name] for name in self.order])


def run_prepared(connection: Connection, statement: ClauseElement, given: Mapping[str, Any]) -> Any:
    """Run a statement in the connection's transaction; returns the driver's cursor.

    The statement must be a constant: it is cached, compiled for the names of the first call. It has no `IN` over a
    list of values. Raises what SQLAlchemy would.
    """
    dialect = connection.dialect
    prepared = _compiled.get((statement, dialect.name)) or _prepare(statement, dialect, list(given))
    driver: Any = connection.connection.dbapi_connection
    try:
        return driver.execute(prepared.text, prepared.values(given))
    except dialect.loaded_dbapi.Error as error:
        forget_row(error)
        gone = dialect.is_disconnect(error, driver, None) or spoils_connection(error)
        if gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            prepared.text, None, error, dialect.loaded_dbapi.Error, connection_invalidated=gone, dialect=dialect
        ) from error


def _prepare(statement: ClauseElement, dialect: Dialect, names: list[str]) -> _Prepared:
    compiled: Any = statement.compile(dialect=dialect, column_keys=names)
    converters = {
        name: bound.type.dialect_impl(dialect).bind_processor(dialect) for bound, name in compiled.bind_names.items()
    }
    prepared = _Prepared(
        str(compiled),
        tuple(compiled.positiontup) if compiled.positional else None,
        {name: value for name, value in compiled.params.items() if name not in names},
        tuple((name, convert) for name, convert in converters.items() if convert is not None),
    )
    _compiled[statement, dialect.name] = prepared
    return prepared
