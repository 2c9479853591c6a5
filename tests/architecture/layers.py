"""The layers of the code, the subjects inside each, and who may import whom."""

from __future__ import annotations

LONGEST_MODULE = 300
LONGEST_FUNCTION = 40
LARGEST_PACKAGE = 14
"""Files of one package, without its `__init__`."""

LARGER_PACKAGES = {
    "sandbox": "its parts serve one request together and call each other both ways: folders of it would form a circle"
}
"""Packages that may have more files, each with the reason."""

PURE = {"domain", "ports", "addresses"}
BELOW_WIRING = PURE | {"store", "flow", "adapters"}
BELOW_EDGES = BELOW_WIRING | {"settings", "env_file", "vendor_key", "wiring", "private_files", "tls"}

MAY_IMPORT = {
    "domain": {"domain"},
    "ports": PURE,
    "addresses": set(),
    "as_lines": {"as_json"},
    "as_json": set(),
    "closing": set(),
    "crashpoint": set(),
    "private_files": set(),
    "env_file": {"domain", "private_files"},
    "vendor_key": {"private_files"},
    "tls": {"domain"},
    "desk_settings": {"domain"},
    "settings": {"domain", "addresses", "desk_settings", "env_file", "vendor_key", "private_files", "tls"},
    "store": PURE | {"store", "private_files"},
    "flow": PURE | {"store", "flow", "crashpoint"},
    "adapters": PURE | {"adapters", "private_files", "tls"},
    "sandbox": {"domain", "sandbox", "private_files"},
    "inputs": PURE | {"store", "flow", "inputs"},
    "checks": BELOW_EDGES | {"checks", "closing"},
    "wiring": BELOW_EDGES,
    "worker": BELOW_EDGES | {"worker", "crashpoint"},
    "embedded": BELOW_EDGES | {"embedded"},
    "web": BELOW_EDGES | {"as_lines", "as_json", "closing", "checks", "inputs", "web"},
    "cli": BELOW_EDGES | {"as_lines", "as_json", "closing", "checks", "cli", "embedded", "inputs", "sandbox", "web"},
    "__main__": {"cli"},
}
"""Edges -> wiring -> flow | adapters -> store | ports -> domain. The command line starts `up` and the desk, and
that is all that edges know of each other."""

SUBJECTS = {
    "domain": (
        "printable",
        "ids",
        "words",
        "remedies",
        "states",
        "errors",
        "people",
        "access",
        "operations",
        "zone_hints",
        "clocks",
        "messages",
        "audience",
        "upstream",
        "reconcile",
        "schedules",
        "sending",
        "probe",
    ),
    "store": (
        *(
            "tables",
            "database",
            "health",
            "audit",
            "backup",
            "access",
            "handoff",
            "holds",
            "reconcile",
            "recall",
            "probe",
            "sending",
        ),
        *("accounts", "audience", "campaigns", "schedules", "runs", "operations", "views", "proof"),
    ),
    "flow": (
        *("accounts", "audience", "audit", "planning", "runs", "sending", "reconcile", "recall", "probe", "handoff"),
        *("schedules", "backup", "campaigns", "operations", "lanes", "access"),
    ),
    "adapters": ("disk", "redis", "upstream"),
    "web": (
        *("desk", "guard", "watcher", "kit", "problems", "problem_codes", "openapi", "door", "api", "pages", "app"),
        "serve",
    ),
    "cli": (
        *("kit", "main", "accounts", "audience", "audit", "runs", "campaigns", "schedules", "demo", "access"),
        "system",
    ),
}
"""The packages and modules of each layer; one imports only those before it."""

THIRD_PARTY = {
    "domain": {"cronsim", "pyroaring"},
    "ports": set(),
    "addresses": set(),
    "as_lines": set(),
    "as_json": set(),
    "closing": set(),
    "crashpoint": set(),
    "private_files": set(),
    "tls": set(),
    "env_file": {"dotenv", "pydantic_settings"},
    "vendor_key": set(),
    "desk_settings": {"pydantic", "pydantic_settings"},
    "settings": {"pydantic", "pydantic_settings"},
    "store": {"sqlalchemy", "alembic", "pyroaring"},
    "flow": {"argon2", "pyroaring", "sqlalchemy"},
    "adapters": {"httpx", "httpcore", "redis", "pydantic", "pyroaring", "openpyxl"},
    "sandbox": {"h11", "pydantic", "pyroaring", "yaml"},
    "inputs": {"yaml"},
    "checks": set(),
    "wiring": {"structlog", "pydantic"},
    "worker": {"celery", "kombu", "redis", "structlog"},
    "embedded": set(),
    "web": {"fastapi", "jinja2", "markupsafe", "prometheus_client", "pydantic", "pyroaring", "starlette", "uvicorn"},
    "cli": {"click", "rich", "pyroaring"},
    "__main__": set(),
}

FROZEN = {"httpx": "adapters/upstream/http_client.py", "httpcore": "adapters/upstream/deadline.py", "sniffio": ""}
"""Libraries without a release for long, and the one module that may import each (docs/decisions/0021)."""

IMPURE = {
    "asyncio", "http", "logging", "os", "random", "secrets", "select", "signal", "socket", "sqlite3", "subprocess",
    "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
"""Modules of the standard library that reach outside; the domain imports none of them."""

CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}

MAY_ASK_A_CLOCK = ("store/database/engine.py", "checks/", "cli/", "adapters/", "sandbox/", "worker/", "embedded/")

CALLS_OF_THE_VENDOR = {"send": "flow/sending/send.py", "unsend": "flow/recall/unsend.py"}
"""The one file that may call each method of the gateway which changes something at the vendor."""

QUESTIONS_TO_THE_VENDOR = {"queue", "saved", "scheduled", "item", "overview", "team", "accounts"}
"""The methods of the gateway that only ask: a credit each, and a place in the minute's budget."""

WRITES = {"insert", "update", "delete"}

READ_ONLY = ("store/views/", "store/proof/")

SENTENCES_WITHOUT_COMMANDS = {"domain", "ports", "store", "flow", "adapters"}
"""The layers below the edges: what they say is shown on a terminal, on a page and by an API."""

READ_BY_EDGES = {"views", "proof", "database", "health"}
"""The subjects of the store that an edge may import."""

READ_WITH_A_REASON = {
    ("cli/audit/kept_heads.py", "audit"): "a head of the sealed log is the value that `proof` compares with",
    ("cli/demo/books.py", "sending"): "the demo counts the users of all runs against the record of the sandbox",
    ("cli/runs/recipients.py", "runs"): "reads the users of a run, a set of each batch, which no view can show",
    ("checks/memory.py", "backup"): "a host is a row of few columns, and its view would have the same",
    ("cli/system/hosts.py", "backup"): "a host is a row of few columns, and its view would have the same",
    ("web/door.py", "holds"): "whether sending is stopped is a row of few columns",
    ("web/api/runs.py", "runs"): "reads the users of a run, a set of each batch, which no view can show",
    ("web/api/accounts.py", "probe"): "the result of a probe is a value of the domain, and its view would be the same",
    ("web/api/status.py", "backup"): "a host is a row of few columns, and its view would have the same",
    ("web/api/status.py", "holds"): "the stops in force are rows of few columns, and their view would have the same",
    ("web/kit/access/shown_once.py", "access"): "an idempotency key is a value that the flow takes, and no more",
    ("web/kit/acts.py", "access"): "an idempotency key is a value that the flow takes, and no more",
    ("web/kit/lists.py", "backup"): "the incarnation of the database is one value, and its view would be the same",
    ("web/kit/once.py", "access"): "an idempotency key is a value that the flow takes, and no more",
    ("web/kit/pages.py", "holds"): "the stops in force are rows of few columns, and their view would have the same",
    ("web/kit/revisions.py", "backup"): "the incarnation of the database is one value, and its view would be the same",
    ("web/pages/system.py", "backup"): "a host is a row of few columns, and its view would have the same",
    ("worker/tasks.py", "runs"): "after a plan the worker serves the account of the run at once",
}
"""Modules of an edge that read another subject of the store, with the subject and the reason. None of them writes."""

FREE_JSON = {
    ("flow/planning/content.py", "columns"): "the columns of a row that is written",
    ("flow/schedules/arm.py", "armed_for"): "the columns of a row that is written",
    ("flow/schedules/arm.py", "columns_for"): "the columns of a row that is written",
    ("flow/schedules/arm.py", "rearmed"): "the columns of a row that is written",
    ("store/access/operators.py", "may_columns"): "the columns of a row that is written",
    ("store/audit/canonical.py", "content"): "the JSON of which a digest is made",
    ("store/audit/canonical.py", "sealed_content"): "the JSON of which a digest is made",
    ("store/audit/seals.py", "make_seals"): "the columns of rows that are written",
    ("store/database/prepared.py", "values"): "the parameters of any statement",
    ("store/runs/content.py", "find_own_message"): "a message as it was stored",
    ("store/runs/content.py", "message_of_run"): "a message as it was stored",
    ("store/tables/columns.py", "user_columns"): "the columns of a row that is written",
}
"""Public functions of flow and store whose answer has no keys that could be declared, each with the reason."""

TYPED_BY_PEOPLE = {"values", "changes", "options", "contents", "environ"}
"""Names in the CLI of what people typed or a file holds, by the name of an option or a setting: no answers."""
