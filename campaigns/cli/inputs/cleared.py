"""`--clear`: which fields of a campaign can be taken away."""

from __future__ import annotations

from campaigns.cli.inputs.field_table import FIELDS, Field
from campaigns.cli.inputs.fields import Given
from campaigns.domain.errors import UsageError


def cleared_keys(names: tuple[str, ...], given: Given) -> set[str]:
    """The keys to take away. Raises UsageError for a field that is unknown, needed, or also given."""
    able = [each for each in FIELDS if _may_be_cleared(each)]
    by_name = {name: each for each in able for name in each.names}
    cleared = set()
    for name in names:
        each = by_name.get(name.removeprefix("--"))
        if each is None:
            raise UsageError(
                f"--clear '{name}' cannot be taken away; these can: {', '.join(each.option for each in able)}."
            )
        if each.key in given.values:
            raise UsageError(f"--{each.option} is both given and cleared; keep one.")
        cleared.add(each.key)
    return cleared


def _may_be_cleared(each: Field) -> bool:
    return each.key in {"users", "contents"} or each.of_time or (each.of_message and each.key != "text")
