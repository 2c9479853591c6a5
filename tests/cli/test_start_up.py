"""Which modules a short command imports: what it does not need costs every call of it."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.conftest import Shell

HEAVY = {"alembic", "mako", "structlog", "rich", "celery", "kombu", "redis", "httpx", "httpcore", "openpyxl", "yaml"}

LIST = """\
import sys
from campaigns.cli.main import cli
code = cli.main(["list", "--json"], standalone_mode=False)
print(code, *sorted({name.partition(".")[0] for name in sys.modules}))
print(*(name for name in sys.modules if name.startswith("campaigns.flow.")))
"""


def test_list_imports_no_library_and_no_verb_that_it_does_not_need(shell: Shell) -> None:
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    rows, loaded, verbs = done.stdout.splitlines()

    code, *libraries = loaded.split()
    assert (rows, code) == ("[]", "0")
    assert HEAVY & set(libraries) == set()
    assert verbs == ""
