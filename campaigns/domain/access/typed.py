"""What people type about access: names, passwords, rights, the age of tokens. Every fault names its field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import timedelta

from campaigns.domain.access.rights import Right
from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.printable import printable

LONGEST_NAME = 64

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
"""Characters. A long password costs no more to check; a form with megabytes of it does."""

FEWEST_CHARACTERS = 4
"""Different ones in a password."""

LONGEST_TOKEN_AGE = timedelta(days=366)

TOKEN_AGE = timedelta(days=90)
"""How long a token works unless its maker says otherwise."""

IS_NAME = re.compile(rf"[a-z0-9][a-z0-9._@+-]{{0,{LONGEST_NAME - 1}}}").fullmatch


def operator_name(text: str) -> str:
    """The name of an operator, in lower case. Raises InvalidInput for one that would be hard to tell from another."""
    name = text.strip().lower()
    if not IS_NAME(name):
        fault = (
            f"is '{printable(text)[:LONGEST_NAME]}', but must be at most {LONGEST_NAME} letters from a to z, digits, "
            "or any of . _ @ + -, and begin with a letter or a digit"
        )
        raise InvalidInput(InputFault(fault, "name"))
    return name


def token_name(text: str) -> str:
    """What a token is for, in the words of its maker. Raises InvalidInput."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or printable(name) != name:
        raise InvalidInput(InputFault(f"must have 1 to {LONGEST_NAME} characters that can be seen", "name"))
    return name


def plain_password(text: str) -> str:
    """A password in the one form in which it is hashed: keyboards write some characters in several ways."""
    return unicodedata.normalize("NFKC", text)


def new_password(text: str, *, name: str) -> str:
    """A password that somebody chooses. Raises InvalidInput for one that is too short, or has the name in it."""
    password = plain_password(text)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        fault = f"must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise InvalidInput(InputFault(fault, "password"))
    if len(set(password)) < FEWEST_CHARACTERS or password.lower() in {name, name * 2, name * 3}:
        raise InvalidInput(InputFault("is too easy to guess; take several words", "password"))
    return password


def chosen_rights(words: Iterable[str]) -> frozenset[Right]:
    """Rights by their words. Raises InvalidInput for none, and for one that does not exist."""
    rights = set()
    for word in words:
        try:
            rights.add(Right(word.strip().lower()))
        except ValueError:
            known = ", ".join(Right)
            fault = f"have '{printable(word)[:LONGEST_NAME]}', which is not one of {known}"
            raise InvalidInput(InputFault(fault, "rights")) from None
    if not rights:
        raise InvalidInput(InputFault("name none; viewer is the least", "rights"))
    return frozenset(rights)


def token_age(age: timedelta | None) -> timedelta:
    """How long a token is to work. Raises InvalidInput for no time at all, and for more than a year."""
    chosen = TOKEN_AGE if age is None else age
    if not timedelta(0) < chosen <= LONGEST_TOKEN_AGE:
        raise InvalidInput(InputFault(f"must be at most {LONGEST_TOKEN_AGE.days} days from now", "expires"))
    return chosen
