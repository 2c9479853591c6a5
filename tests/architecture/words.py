"""Phrases that have to be read twice, and what to write instead: for people whose second language is English."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import PACKAGE, ROOT

RIDDLES: dict[str, str] = {
    r"\b(?:it|that|which|who|nobody|vendor|server|sandbox|function|method) answers\b": "returns, replies, or responds",
    r"(?<!here )\b(?:is|are) no (?!longer\b|more\b|other\b|later\b|further\b)[a-z]+": "is not a ...",
    r"(?:^|[.:;\"#] ?)So (?:many|much|long|often)\b": "at most ..., for ...",
    r"how-manieth": "number, or ordinal",
    r"\b(?:stands?|stood)\b(?!-| alone)": "is, remains, or says",
    r"\bmend(?:s|ed|ing)?\b": "fix, repair, or correct",
    r"\btold\b(?! apart)": "stated, reported, or notified",
    r"\bbound by\b": "limited by",
    r"\bany more\b": "no longer",
    r"\btrails?\b(?!\.)": "log",
    r"\ball the same\b(?! [a-z])": "anyway, or still",
    r"\bas ever\b": "as usual, or as before",
    r"\bbut for (?:a|the|its|what|those)\b": "except, or without",
    r"\banew\b": "again",
    r"\b(?:unless|not) said\b": "unless given, or by default",
    r"\btak(?:es?|en|ing) back\b|\btook back\b": "recall (a run), or unsend (a message)",
    r"\b(?:has|have|had) not left\b(?! out)": "was not sent",
    r"\b(?:is|are|was|were) looked for\b": "searched for",
    r"\bevery so many\b": "every few",
    r"\bholds the clock\b": "sends at the time",
}
"""A pattern, and what to write instead. Only phrases that are almost never right: nobody works around the test then."""

JSON_KEY = re.compile(r'"\w+":')
"""A name that programs read; it keeps its word in the examples of documents."""

ANY_RIDDLE = re.compile("|".join(RIDDLES), re.MULTILINE)


def pages() -> list[Path]:
    """Every text that is held to the list; decisions are history, and stay as they were written."""
    return sorted([*PACKAGE.rglob("*.py"), ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def riddles(path: Path) -> Iterator[str]:
    """Each phrase of the list that a file contains, with its line and what to write instead."""
    text = path.read_text()
    if ANY_RIDDLE.search(text) is None:  # most files: no need to parse them
        return
    for line, words in _prose(text) if path.suffix == ".py" else enumerate(JSON_KEY.sub("", text).splitlines(), 1):
        for pattern, instead in RIDDLES.items():
            for found in re.finditer(pattern, words):
                yield f"{path.relative_to(ROOT)}:{line}: '{found[0].strip()}' (write: {instead})"


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a module's docstrings, comments and texts; a text of one word is a name."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield from enumerate(node.value.splitlines(), node.lineno)
