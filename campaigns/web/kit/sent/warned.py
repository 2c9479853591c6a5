"""Answers with warnings: the fields of a view, its warnings as sentences, and what can be done about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, make_dataclass
from typing import Any, get_type_hints

from campaigns.as_json import plain
from campaigns.domain.remedies import Remedy
from campaigns.flow.planning.plan_warnings import Caution, PlanWarning


def with_warnings(name: str, view: type) -> Any:
    """The type of the view with warnings, for the description of a route. It has every field of the view."""
    hints = get_type_hints(view)
    own = [(each.name, hints[each.name]) for each in fields(view) if each.name != "warnings"]
    added = [
        ("warnings", tuple[str, ...]),
        ("warning_codes", tuple[Caution, ...]),
        ("remedies", tuple[Remedy, ...]),
    ]
    made = make_dataclass(name, [*own, *added], frozen=True, slots=True)
    made.__doc__ = view.__doc__
    return made


def warned(view: Any, warnings: Iterable[PlanWarning]) -> dict[str, Any]:
    """The JSON of the view with these warnings."""
    every = list(warnings)
    return {
        **plain(view),
        "warnings": [f"{each.fact}." for each in every],
        "warning_codes": [each.code.value for each in every],
        "remedies": plain([remedy for each in every for remedy in each.remedies]),
    }
