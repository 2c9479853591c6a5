"""a name, an actor and a reason are never blank, and a hold has a kind that is known: for new rows

Triggers, because old rows stay as they are: a CHECK of PostgreSQL, NOT VALID among them, looks at an old row again
whenever any column of it changes, and a campaign with an old blank name could no longer be armed or sent. SQLite could
take a CHECK only by making the table again, which the tables that are written once do not allow.

Safe beside the previous release: it writes the words that are listed here, and its commands refuse an empty reason.
Two of them do not, `pause` and `resume` of a schedule: with an empty reason they now fail, and change nothing.
"""

from typing import NamedTuple

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


class Rule(NamedTuple):
    """What a column of a new row may not hold. `changes`: its rows are updated, so the new value is checked then too."""

    table: str
    column: str
    changes: bool = False


NOT_BLANK = (
    Rule("campaign", "name", changes=True),
    Rule("campaign", "paused_by", changes=True),
    Rule("campaign", "pause_reason", changes=True),
    Rule("event", "actor"),
    Rule("event", "reason"),
    Rule("evidence", "actor"),
    Rule("evidence", "reason"),
    Rule("exclusion", "reason"),
    Rule("hold", "actor"),
    Rule("hold", "reason"),
    Rule("hold", "closed_by", changes=True),
    Rule("hold", "close_reason", changes=True),
    Rule("host", "forgotten_by", changes=True),
    Rule("host", "forget_reason", changes=True),
    Rule("incarnation", "actor"),
    Rule("incarnation", "reason"),
    Rule("probe", "actor"),
    Rule("question", "actor"),
    Rule("recall", "actor"),
    Rule("recall", "reason"),
    Rule("revision", "actor"),
    Rule("run", "actor"),
    Rule("run", "reason", changes=True),
    Rule("suppression", "actor"),
    Rule("suppression", "reason"),
)
"""NULL is allowed where the column allows it: nobody gave a reason."""

HOLD_KINDS = (
    *("operator", "stop", "key", "credits", "account", "configuration", "refused", "suppressions", "recipients"),
    *("recall", "handover", "errors", "late_answer", "restored", "unreadable", "hours", "books"),
)


def upgrade() -> None:
    if on_postgresql():
        op.execute(
            "CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = TG_ARGV[0]; END $$"
        )
    for rule in NOT_BLANK:
        is_blank = f"{trimmed(f'NEW.{rule.column}')} = ''"
        words = f"{rule.table}.{rule.column} is blank"
        refuse(f"{rule.table}_{rule.column}_blank", f"INSERT ON {rule.table}", is_blank, words)
        if rule.changes:
            differs = "IS DISTINCT FROM" if on_postgresql() else "IS NOT"
            refuse(
                f"{rule.table}_{rule.column}_blanked",
                f"UPDATE OF {rule.column} ON {rule.table}",
                f"NEW.{rule.column} {differs} OLD.{rule.column} AND {is_blank}",
                words,
            )
    listed = ", ".join(f"'{kind}'" for kind in HOLD_KINDS)
    refuse("hold_kind_unknown", "INSERT ON hold", f"NEW.kind NOT IN ({listed})", "hold.kind is not a known kind")


def downgrade() -> None:
    for rule in NOT_BLANK:
        allow(f"{rule.table}_{rule.column}_blank", rule.table)
        if rule.changes:
            allow(f"{rule.table}_{rule.column}_blanked", rule.table)
    allow("hold_kind_unknown", "hold")
    if on_postgresql():
        op.execute("DROP FUNCTION refuse_row()")


def on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def trimmed(column: str) -> str:
    """The column without blanks, tabs and line ends around it."""
    return f"btrim({column}, E' \\t\\n\\x0b\\f\\r')" if on_postgresql() else f"trim({column}, char(9,10,11,12,13,32))"


def refuse(name: str, event: str, condition: str, words: str) -> None:
    """Refuse each row of which the condition is true; one that comes to NULL refuses nothing."""
    if on_postgresql():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW WHEN ({condition}) "
            f"EXECUTE FUNCTION refuse_row('{words}')"
        )
    else:
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{words}'); END")


def allow(name: str, table: str) -> None:
    op.execute(f"DROP TRIGGER {name} ON {table}" if on_postgresql() else f"DROP TRIGGER {name}")
