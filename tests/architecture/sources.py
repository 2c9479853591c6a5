"""The modules of the package, read as syntax."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "campaigns"


@dataclass(frozen=True)
class Source:
    """One module: its path below `campaigns/`, and its text."""

    name: str
    text: str

    @property
    def layer(self) -> str:
        return self.name.partition("/")[0].removesuffix(".py")

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text)

    def imports(self) -> Iterator[tuple[int, str, str]]:
        """Each import as line, module, and the name taken from it ("" for the module itself)."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}:{node.lineno}: imports name their module in full"
                yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)

    def attributes(self) -> Iterator[tuple[int, str, str]]:
        """Each `owner.name` as line, owner's last word, and name; of `owner().name` too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                owner = node.value.func if isinstance(node.value, ast.Call) else node.value
                word = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                yield node.lineno, word, node.attr

    def docstrings(self) -> set[int]:
        """The identities of all texts that stand by themselves: of modules, classes, functions and constants."""
        return {
            id(node.value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def sources() -> list[Source]:
    """Every module of the package, in the order of the paths."""
    return [Source(path.relative_to(PACKAGE).as_posix(), path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))]


def packages(layer: str) -> set[str]:
    """The folders with code directly below a layer."""
    return {path.parent.name for path in (PACKAGE / layer).glob("*/__init__.py")}
