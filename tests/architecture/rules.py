"""The rules that one module can break by itself. Each yields its faults; its docstring says why the rule is there."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator

from tests.architecture.layers import (
    CALLS_OF_THE_VENDOR,
    CLOCKS,
    FROZEN,
    IMPURE,
    LONGEST_FUNCTION,
    LONGEST_MODULE,
    MAY_ASK_A_CLOCK,
    MAY_IMPORT,
    QUESTIONS_TO_THE_VENDOR,
    READ_ONLY,
    SUBJECTS,
    THIRD_PARTY,
    WRITES,
)
from tests.architecture.sources import Source

WRITING_SQL = re.compile(r"\s*(insert\s+into|update\s+\w+\s+set|delete\s+from)\b", re.IGNORECASE)

Rule = Callable[[Source], Iterator[str]]


def layers_import_downwards(source: Source) -> Iterator[str]:
    """Decisions must stay free of what surrounds them, or they cannot be tested without it; see MAY_IMPORT."""
    for line, module, taken in source.imports():
        if module.partition(".")[0] == "campaigns":
            other = module.split(".")[1] if "." in module else taken
            if other not in MAY_IMPORT.get(source.layer, set()) | {"__version__"}:
                yield f"{source.name}:{line}: {source.layer} imports campaigns.{other}"


def subjects_import_downwards(source: Source) -> Iterator[str]:
    """A subject that knows those above it cannot be read, or changed, without them; see SUBJECTS."""
    order = SUBJECTS.get(source.layer, ())
    own = source.name.partition("/")[2].partition("/")[0].removesuffix(".py")
    for line, module, taken in source.imports():
        if module != f"campaigns.{source.layer}" and not module.startswith(f"campaigns.{source.layer}."):
            continue
        other = module.split(".")[2] if module.count(".") > 1 else taken
        if order and order.index(other) > order.index(own):
            yield f"{source.name}:{line}: {own} imports {other}, which stands above it"


def libraries_stay_in_their_layer(source: Source) -> Iterator[str]:
    """httpx and redis belong to adapters, celery to the worker, SQLAlchemy to the store: see THIRD_PARTY."""
    allowed = sys.stdlib_module_names | {"campaigns"} | THIRD_PARTY.get(source.layer, set())
    for line, module, _ in source.imports():
        if module.partition(".")[0] not in allowed:
            yield f"{source.name}:{line}: {source.layer} imports {module}"


def frozen_libraries_stand_behind_one_module(source: Source) -> Iterator[str]:
    """Nobody mends a frozen library: it must be possible to replace it by changing one module. See FROZEN."""
    for line, module, _ in source.imports():
        place = FROZEN.get(module.partition(".")[0], source.name)
        if place != source.name:
            yield f"{source.name}:{line}: imports {module}, which {place or 'nobody'} may import"


def flow_writes_no_sql(source: Source) -> Iterator[str]:
    """Flow passes connections on and writes no SQL: whoever looks for a guard must find all in store/."""
    if source.layer == "flow":
        for line, module, taken in source.imports():
            if module.partition(".")[0] == "sqlalchemy" and (module, taken) != ("sqlalchemy", "Connection"):
                yield f"{source.name}:{line}: flow imports {module}.{taken}"


def readers_change_nothing(source: Source) -> Iterator[str]:
    """Who asks a question must be able to ask it at any time, from anywhere: no row is changed by it."""
    if not source.name.startswith(READ_ONLY):
        return
    for line, module, taken in source.imports():
        if module.partition(".")[0] == "sqlalchemy" and taken in WRITES:
            yield f"{source.name}:{line}: imports {taken}"
    for line, owner, name in source.attributes():
        if owner in {"sa", "sqlalchemy"} and name in WRITES:
            yield f"{source.name}:{line}: {owner}.{name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and re.match(
            r"(?i)\s*(insert\s+into|update\s+\w+\s+set|delete\s+from)\b", str(node.value)
        ):
            yield f"{source.name}:{node.lineno}: a statement that writes"


def the_domain_reaches_nothing_outside(source: Source) -> Iterator[str]:
    """Same arguments, same result: time, chance, files and sockets are handed to the domain."""
    if source.layer == "domain":
        for line, module, _ in source.imports():
            if module.partition(".")[0] in IMPURE:
                yield f"{source.name}:{line}: the domain imports {module}"


def clocks_are_asked_at_the_edges(source: Source) -> Iterator[str]:
    """All hosts share one clock, the database's: Store.now. Another host's own clock may be minutes off."""
    if not source.name.startswith(MAY_ASK_A_CLOCK):
        for line, owner, name in source.attributes():
            if (owner, name) in CLOCKS:
                yield f"{source.name}:{line}: {owner}.{name}"


def sleeps_have_a_reason(source: Source) -> Iterator[str]:
    """A sleep waits too long or not long enough: wait for an event, or say why that is not possible."""
    lines = source.text.splitlines()
    for line, owner, name in source.attributes():
        is_said = "# " in lines[line - 1] or lines[line - 2].lstrip().startswith("# ")
        if (owner, name) == ("time", "sleep") and not is_said:
            yield f"{source.name}:{line}: time.sleep"


def nothing_waits_in_the_broker(source: Source) -> Iterator[str]:
    """The database is the queue: what waits is a time column in SQL, and Celery's messages may be lost."""
    if source.layer == "worker":
        for node in ast.walk(source.tree):
            if isinstance(node, ast.keyword) and node.arg in {"eta", "countdown", "autoretry_for"}:
                yield f"{source.name}:{node.value.lineno}: {node.arg}"
            if isinstance(node, ast.Attribute) and node.attr in {"retry", "chain", "chord", "autoretry_for"}:
                yield f"{source.name}:{node.lineno}: {node.attr}"


def one_file_each_changes_something_at_the_vendor(source: Source) -> Iterator[str]:
    """A request that changes something is safe only after its attempt was committed with every check."""
    for line, owner, name in source.attributes():
        if owner.lstrip("_") == "gateway" and CALLS_OF_THE_VENDOR.get(name, source.name) != source.name:
            yield f"{source.name}:{line}: {owner}.{name}"


def questions_are_asked_with_a_permit(source: Source) -> Iterator[str]:
    """Every question costs a credit and a place in the budget: `ask` takes the permit, and keeps the answer."""
    if "flow.sending.ask_vendor import" in source.text:
        return
    for line, owner, name in source.attributes():
        if owner.lstrip("_") == "gateway" and name in QUESTIONS_TO_THE_VENDOR:
            yield f"{source.name}:{line}: {owner}.{name}"


def modules_and_functions_are_short(source: Source) -> Iterator[str]:
    """What is longer than a screen is more than one thought: cut it at its levels of abstraction."""
    if (lines := len(source.text.splitlines())) > LONGEST_MODULE:
        yield f"{source.name} has {lines} lines, more than {LONGEST_MODULE}"
    for function in source.functions():
        if (lines := _length(function)) > LONGEST_FUNCTION:
            yield f"{source.name}:{function.lineno}: {function.name} has {lines} lines, more than {LONGEST_FUNCTION}"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of what it does, without those that say what it is for and what it takes."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def packages_say_what_they_are(source: Source) -> Iterator[str]:
    """Importing a package must cost nothing and do nothing; code has a module that is named for it."""
    if not source.name.endswith("__init__.py"):
        return
    if not ast.get_docstring(source.tree):
        yield f"{source.name} does not begin with what the package is for"
    for node in source.tree.body[1:]:
        if not (source.name == "__init__.py" and ast.unparse(node).startswith("__version__ = ")):
            yield f"{source.name}:{node.lineno}: holds code"


RULES: tuple[Rule, ...] = (
    layers_import_downwards,
    subjects_import_downwards,
    libraries_stay_in_their_layer,
    frozen_libraries_stand_behind_one_module,
    flow_writes_no_sql,
    readers_change_nothing,
    the_domain_reaches_nothing_outside,
    clocks_are_asked_at_the_edges,
    sleeps_have_a_reason,
    nothing_waits_in_the_broker,
    one_file_each_changes_something_at_the_vendor,
    questions_are_asked_with_a_permit,
    modules_and_functions_are_short,
    packages_say_what_they_are,
)
