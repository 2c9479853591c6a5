"""Which fields of a campaign an edit can take away."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.inputs.field_table import FIELDS, Field
from campaigns.inputs.fields import Given


def cleared_keys(names: Iterable[str], given: Given) -> set[str]:
    """The keys to take away. Raises InvalidInput for a field that is unknown, needed, or also given."""
    clearable = [field for field in FIELDS if _may_be_cleared(field)]
    by_name = {name: field for field in clearable for name in field.names}
    cleared = set()
    for name in names:
        field = by_name.get(name.removeprefix("--"))
        if field is None:
            possible = ", ".join(field.name for field in clearable)
            raise InvalidInput(InputFault(f"'{name}' cannot be taken away; these can: {possible}", "clear"))
        if field.key in given.values:
            raise InvalidInput(InputFault("is both given and cleared; keep one", field.key))
        cleared.add(field.key)
    return cleared


def _may_be_cleared(field: Field) -> bool:
    return field.key in {"users", "contents"} or field.of_time or (field.of_message and field.key != "text")
