"""What a program that was written for one description of the API may rely on, compared with another description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

TIGHTER = {"maximum": min, "maxLength": min, "maxItems": min, "minimum": max, "minLength": max, "minItems": max}


def broken(old: Json, new: Json) -> list[str]:
    """What programs for the old description can no longer do with the new one. Additions are no fault."""
    return list(_Comparison(old, new).faults())


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new

    def faults(self) -> Iterator[str]:
        for path, methods in self.old["paths"].items():
            for method, before in methods.items():
                place = f"{method.upper()} {path}"
                after = self.new["paths"].get(path, {}).get(method)
                if after is None:
                    yield f"{place} is gone"
                else:
                    yield from self._parameters(before, after, place)
                    yield from self._bodies(before, after, place)
                    yield from self._replies(before, after, place)

    def _parameters(self, before: Json, after: Json, place: str) -> Iterator[str]:
        old, new = _by_name(before), _by_name(after)
        for name, each in old.items():
            if name not in new:
                yield f"{place}: parameter {name} is gone"
            else:
                yield from self._taken(each["schema"], new[name]["schema"], f"{place}: {name}", set())
        for name, each in new.items():
            if each["required"] and not old.get(name, {}).get("required"):
                yield f"{place}: parameter {name} is needed now"

    def _bodies(self, before: Json, after: Json, place: str) -> Iterator[str]:
        old, new = _contents(before.get("requestBody", {})), _contents(after.get("requestBody", {}))
        for kind, schema in old.items():
            if kind not in new:
                yield f"{place}: a body of {kind} is no longer taken"
            else:
                yield from self._taken(schema, new[kind], f"{place}: body", set())

    def _replies(self, before: Json, after: Json, place: str) -> Iterator[str]:
        for status, reply in before["responses"].items():
            new = after["responses"].get(status)
            if new is None:
                yield f"{place}: status {status} is gone"
                continue
            for kind, schema in _contents(reply).items():
                if kind not in _contents(new):
                    yield f"{place}: {status} is no longer {kind}"
                else:
                    yield from self._returned(schema, _contents(new)[kind], f"{place}: {status}", set())

    def _taken(self, before: Json, after: Json, place: str, seen: set[str]) -> Iterator[str]:
        """Whether everything that was taken still is."""
        if before.get("$ref", "") in seen:
            return
        seen = seen | ({before["$ref"]} if "$ref" in before else set())
        before, after = _resolved(before, self.old), _resolved(after, self.new)
        if lost := _types(before, self.old) - _types(after, self.new):
            yield f"{place} no longer takes {', '.join(sorted(lost))}"
        for rule, tighter in TIGHTER.items():
            bound = after.get(rule)
            if bound is not None and (rule not in before or tighter(bound, before[rule]) == bound != before[rule]):
                yield f"{place} has a tighter {rule}"
        yield from (f"{place}.{name} is needed now" for name in _needed(after) - _needed(before))
        for name, each in before.get("properties", {}).items():
            if name not in after.get("properties", {}):
                yield f"{place}.{name} is gone"
            else:
                yield from self._taken(each, after["properties"][name], f"{place}.{name}", seen)

    def _returned(self, before: Json, after: Json, place: str, seen: set[str]) -> Iterator[str]:
        """Whether everything that was returned still is, and is nothing that it was not."""
        if before.get("$ref", "") in seen:
            return
        seen = seen | ({before["$ref"]} if "$ref" in before else set())
        before, after = _resolved(before, self.old), _resolved(after, self.new)
        if other := {each for each in _types(after, self.new) - _types(before, self.old) if not each.startswith("'")}:
            yield f"{place} may be {', '.join(sorted(other))} now"
        yield from (f"{place}.{name} may be missing now" for name in _needed(before) - _needed(after))
        for name, each in before.get("properties", {}).items():
            if name not in after.get("properties", {}):
                yield f"{place}.{name} is gone"
            else:
                yield from self._returned(each, after["properties"][name], f"{place}.{name}", seen)
        if isinstance(before.get("items"), dict) and isinstance(after.get("items"), dict):
            yield from self._returned(before["items"], after["items"], f"{place}[]", seen)


def _by_name(described: Json) -> dict[str, Json]:
    return {f"{each['in']} {each['name']}": each for each in described.get("parameters", [])}


def _contents(holder: Json) -> dict[str, Json]:
    return {kind: each.get("schema", {}) for kind, each in holder.get("content", {}).items()}


def _resolved(schema: Json, description: Json) -> Json:
    while "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _needed(schema: Json) -> set[str]:
    return set(schema.get("required", ()))


def _types(schema: Json, description: Json) -> set[str]:
    """The types that a value may have; values of an enumeration in quotes."""
    schema = _resolved(schema, description)
    if "anyOf" in schema:
        return {each for one in schema["anyOf"] for each in _types(one, description)}
    if "enum" in schema or "const" in schema:
        return {f"'{each}'" for each in schema.get("enum", [schema.get("const")])} | {str(schema.get("type", "string"))}
    kinds = schema.get("type", "anything")
    return set(kinds) if isinstance(kinds, list) else {str(kinds)}
