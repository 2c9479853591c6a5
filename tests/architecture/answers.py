"""The rules of what passes between the layers: typed answers, sentences without commands, reads through views."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from tests.architecture.layers import (
    FREE_JSON,
    READ_BY_EDGES,
    READ_WITH_A_REASON,
    SENTENCES_WITHOUT_COMMANDS,
    TYPED_BY_PEOPLE,
)
from tests.architecture.sources import Source

COMMAND = re.compile(
    r"`campaigns\b"
    r"|`(?:accounts|archive|audit|backfill|create|db|decide|doctor|edit|hosts|launch|plan|probe|runs|schedule|suppress)"
    r" [a-zA-Z-]+"
    r"|(?<![\w-])--[a-z][a-z-]+"
)
"""A command in backticks, with or without the name of the program, or an option."""

EDGES = {"checks", "cli", "worker", "embedded", "wiring", "web"}


def sentences_name_no_command(source: Source) -> Iterator[str]:
    """A sentence is shown on a terminal, on a page and by an API: a Remedy says what to do, and each edge words it."""
    if source.layer in SENTENCES_WITHOUT_COMMANDS:
        docstrings = source.docstrings()
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield from (f"{source.name}:{node.lineno}: names {named[0]}" for named in COMMAND.finditer(node.value))


def answers_have_types(source: Source) -> Iterator[str]:
    """No type check reaches a dictionary: a key that is misspelt at the edge is found by a user. See FREE_JSON."""
    if source.layer in {"flow", "store"}:
        for function in source.functions():
            returns = "" if function.returns is None else ast.unparse(function.returns)
            is_public = not function.name.startswith("_")
            if is_public and "dict[str, Any]" in returns and (source.name, function.name) not in FREE_JSON:
                yield f"{source.name}:{function.lineno}: {function.name} returns {returns}"


def edges_read_answers_by_attribute(source: Source) -> Iterator[str]:
    """`answer["key"]` is checked by nobody before it runs; `answer.key` is checked by mypy. See TYPED_BY_PEOPLE."""
    if source.layer == "cli":
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                owner = ast.unparse(node.value)
                if isinstance(node.slice.value, str) and owner.rpartition(".")[2] not in TYPED_BY_PEOPLE:
                    yield f"{source.name}:{node.lineno}: {ast.unparse(node)}"


def edges_read_the_store_through_views(source: Source) -> Iterator[str]:
    """An edge that reaches a guarded UPDATE can pass by the rules in flow. See READ_BY_EDGES and READ_WITH_A_REASON."""
    if source.layer in EDGES:
        for line, module, taken in source.imports():
            if module == "campaigns.store" or module.startswith("campaigns.store."):
                subject = module.split(".")[2] if module.count(".") > 1 else taken
                if subject not in READ_BY_EDGES and (source.name, subject) not in READ_WITH_A_REASON:
                    yield f"{source.name}:{line}: {source.layer} imports store.{subject}"


RULES: tuple[Callable[[Source], Iterator[str]], ...] = (
    sentences_name_no_command,
    answers_have_types,
    edges_read_answers_by_attribute,
    edges_read_the_store_through_views,
)
