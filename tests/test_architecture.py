"""The shape of the code, held by reading its syntax: who may import whom, who may look at a clock, how long is long.

Each rule says why it is there when it is broken.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "campaigns"

LONGEST_MODULE = 300
LONGEST_FUNCTION = 40

PURE = {"domain", "ports"}
BELOW_WIRING = PURE | {"store", "flow", "adapters"}
BELOW_EDGES = BELOW_WIRING | {"settings", "wiring"}

MAY_IMPORT = {
    "domain": {"domain"},
    "ports": PURE,
    "crashpoint": set(),
    "settings": {"domain"},
    "store": PURE | {"store"},
    "flow": PURE | {"store", "flow", "crashpoint"},
    "adapters": PURE | {"adapters"},
    "sandbox": {"domain", "sandbox"},
    "wiring": BELOW_EDGES,
    "worker": BELOW_EDGES | {"worker", "crashpoint"},
    "embedded": BELOW_EDGES | {"embedded"},
    "cli": BELOW_EDGES | {"cli", "embedded", "sandbox"},
    "__main__": {"cli"},
}
"""Edges -> wiring -> flow | adapters -> store | ports -> domain; of the edges only `up` is started by another one."""

SUBJECTS = {
    "domain": ("errors", "states", "clocks", "messages", "audience", "upstream", "reconcile", "schedules", "sending"),
    "store": (
        *("tables", "database", "health", "audit", "backup", "handoff", "holds", "reconcile", "recall", "sending"),
        *("accounts", "audience", "campaigns", "schedules", "runs", "views", "proof"),
    ),
    "flow": (
        *("accounts", "audience", "audit", "planning", "runs", "sending", "reconcile", "recall", "handoff"),
        *("schedules", "backup", "campaigns", "lanes"),
    ),
    "cli": (
        *("kit", "inputs", "main", "accounts", "audience", "audit", "runs", "campaigns", "schedules", "demo"),
        "system",
    ),
}
"""The packages of each layer; one imports only those before it."""

THIRD_PARTY = {
    "domain": {"cronsim", "pyroaring"},
    "ports": set(),
    "crashpoint": set(),
    "settings": {"pydantic", "pydantic_settings"},
    "store": {"sqlalchemy", "alembic", "pyroaring"},
    "flow": {"pyroaring", "sqlalchemy"},
    "adapters": {"httpx", "httpcore", "redis", "pydantic", "pyroaring"},
    "sandbox": {"h11", "pydantic", "pyroaring", "yaml"},
    "wiring": {"structlog", "pydantic"},
    "worker": {"celery", "kombu", "structlog"},
    "embedded": set(),
    "cli": {"click", "rich", "yaml", "pyroaring"},
    "__main__": set(),
}

IMPURE = {
    "asyncio", "http", "logging", "os", "random", "secrets", "select", "signal", "socket", "sqlite3", "subprocess",
    "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
"""What of the standard library reaches outside, so that the domain does without it."""

CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}

MAY_ASK_A_CLOCK = ("store/database/engine.py", "cli/", "adapters/", "sandbox/", "worker/", "embedded/")


@dataclass(frozen=True)
class Source:
    """One module of the package."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def layer(self) -> str:
        return self.path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.path)

    def imports(self) -> Iterator[tuple[int, str, str]]:
        """Each import as line, module, and the name taken from it ("" for the module itself)."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}:{node.lineno}: imports name their module in full"
                yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)

    def attributes(self) -> Iterator[tuple[int, str, str]]:
        """Each `owner.name` as line, owner's last word, and name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                owner = node.value
                word = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                yield node.lineno, word, node.attr


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


SOURCES = [Source(path) for path in sorted(PACKAGE.rglob("*.py"))]
MODULES = [source for source in SOURCES if source.name != "__init__.py"]


def told(faults: list[str], why: str) -> None:
    assert not faults, f"{why}\n  " + "\n  ".join(faults)


def test_every_layer_has_its_rules() -> None:
    layers = {source.layer for source in MODULES}
    assert layers == MAY_IMPORT.keys() == THIRD_PARTY.keys()


def test_imports_go_in_one_direction() -> None:
    faults = [
        f"{source.name}:{line}: {source.layer} imports campaigns.{inner}"
        for source in MODULES
        for line, module, taken in source.imports()
        if module.partition(".")[0] == "campaigns"
        for inner in [module.split(".")[1] if "." in module else taken]
        if inner not in MAY_IMPORT[source.layer] | {"__version__"}
    ]
    told(
        faults, "Decisions must stay free of what surrounds them, or they cannot be tested without it; see MAY_IMPORT."
    )


def test_subjects_of_a_layer_are_imported_in_one_direction() -> None:
    faults = []
    for source in MODULES:
        order = SUBJECTS.get(source.layer)
        if order is None:
            continue
        own = source.name.split("/")[1].removesuffix(".py")
        for line, module, taken in source.imports():
            layer, _, rest = module.removeprefix("campaigns.").partition(".")
            other = rest.partition(".")[0] or taken
            same_layer = module.startswith("campaigns.") and layer == source.layer
            if same_layer and order.index(other) > order.index(own):
                faults.append(f"{source.name}:{line}: {own} imports {other}, which stands above it")
    told(faults, "A subject that knows those above it cannot be read, or changed, without them; see SUBJECTS.")


def test_views_and_proofs_change_nothing() -> None:
    faults = [
        f"{source.name}:{line}: {taken}"
        for source in MODULES
        if source.name.startswith(("store/views/", "store/proof/"))
        for line, module, taken in source.imports()
        if module.partition(".")[0] == "sqlalchemy" and taken in {"insert", "update", "delete"}
    ]
    told(faults, "Who asks a question must be able to ask it at any time, from anywhere: no row is changed by it.")


def test_each_library_stays_in_its_layer() -> None:
    faults = [
        f"{source.name}:{line}: {source.layer} imports {library}"
        for source in MODULES
        for line, module, _ in source.imports()
        for library in [module.partition(".")[0]]
        if library not in sys.stdlib_module_names | {"campaigns"} | THIRD_PARTY[source.layer]
    ]
    told(faults, "httpx and redis belong to adapters, celery to the worker, SQLAlchemy to the store: see THIRD_PARTY.")


def test_sql_statements_stand_in_the_store() -> None:
    faults = [
        f"{source.name}:{line}: flow imports {module}.{taken}"
        for source in MODULES
        if source.layer == "flow"
        for line, module, taken in source.imports()
        if module.partition(".")[0] == "sqlalchemy" and (module, taken) != ("sqlalchemy", "Connection")
    ]
    told(faults, "Flow passes connections on and writes no SQL: whoever looks for a guard must find all in store/.")


def test_the_domain_reaches_nothing_outside() -> None:
    faults = [
        f"{source.name}:{line}: the domain imports {module}"
        for source in MODULES
        if source.layer == "domain"
        for line, module, _ in source.imports()
        if module.partition(".")[0] in IMPURE
    ]
    told(faults, "Same arguments, same answer: time, chance, files and sockets are handed to the domain.")


def test_clocks_are_asked_at_the_edges_only() -> None:
    faults = [
        f"{source.name}:{line}: {owner}.{name}"
        for source in MODULES
        if not source.name.startswith(MAY_ASK_A_CLOCK)
        for line, owner, name in source.attributes()
        if (owner, name) in CLOCKS
    ]
    told(faults, "All hosts share one clock, the database's: Store.now. Another host's own clock may be minutes off.")


def test_every_sleep_has_a_reason_beside_it() -> None:
    faults = [
        f"{source.name}:{line}"
        for source in MODULES
        for line, owner, name in source.attributes()
        if (owner, name) == ("time", "sleep") and not _comment_at(source, line)
    ]
    told(faults, "A sleep waits too long or not long enough: wait for an event, or say why that is not possible.")


def _comment_at(source: Source, line: int) -> bool:
    lines = source.text.splitlines()
    return "# " in lines[line - 1] or lines[line - 2].lstrip().startswith("# ")


def test_nothing_waits_in_the_broker() -> None:
    faults = [
        f"{source.name}:{node.lineno}"
        for source in MODULES
        if source.layer == "worker"
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.keyword) and node.arg in {"eta", "countdown"})
        or (isinstance(node, ast.Attribute) and node.attr in {"retry", "chain", "chord", "autoretry_for"})
        or (isinstance(node, ast.keyword) and node.arg == "autoretry_for")
    ]
    told(faults, "The database is the queue: what waits is a time column in SQL, and Celery's messages may be lost.")


def test_only_the_send_verb_posts_a_message() -> None:
    faults = [
        f"{source.name}:{line}: {owner}.{name}"
        for source in MODULES
        if source.name != "flow/sending/send.py"
        for line, owner, name in source.attributes()
        if owner.lstrip("_") == "gateway" and name == "send"
    ]
    told(faults, "A POST is safe only after its attempt was committed with every check: flow/sending/send.py.")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_modules_and_functions_stay_short(source: Source) -> None:
    lengths = {source.name: (len(source.text.splitlines()), LONGEST_MODULE)} | {
        f"{source.name}:{node.lineno}: {node.name}": (_length(node), LONGEST_FUNCTION)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    faults = [f"{what} has {lines} lines, more than {most}" for what, (lines, most) in lengths.items() if lines > most]
    told(faults, "What is longer than a screen is more than one thought: cut it at its levels of abstraction.")


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of what it does, without those that say what it is for and what it takes."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def test_packages_say_what_they_are_and_nothing_more() -> None:
    faults = []
    for source in SOURCES:
        if source.path.name != "__init__.py":
            continue
        first, *rest = source.tree.body or [ast.Pass()]
        if not (
            isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
        ):
            faults.append(f"{source.name} does not begin with what the package is for")
        if source.name == "__init__.py":
            rest = [node for node in rest if ast.unparse(node).partition(" = ")[0] != "__version__"]
        if rest:
            faults.append(f"{source.name}:{rest[0].lineno}: holds code")
    told(faults, "Importing a package must cost nothing and do nothing; code has a module that is named for it.")
