"""Lines to paste, for the help of each command. A test reads every one of them with the real command line."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("campaigns demo",),
    "up": ("campaigns up", "campaigns up --no-web"),
    "worker": ("campaigns worker --threads 32",),
    "beat": ("campaigns beat", "campaigns beat --check"),
    "web": ("campaigns web", "campaigns web --port 8500"),
    "sandbox": ("campaigns sandbox --port 8700",),
    "db check": ("campaigns db check",),
    "db upgrade": ("campaigns db upgrade",),
    "doctor": ("campaigns doctor",),
    "accounts add": ('campaigns accounts add acct_abc123 --name "Anna" --zone Europe/Berlin',),
    "accounts list": ("campaigns accounts list",),
    "accounts release": ('campaigns accounts release acct_abc123 --reason "logged in again"',),
    "accounts set": ("campaigns accounts set acct_abc123 --hours 09:00-22:00 --zone Europe/Berlin",),
    "accounts rename": ('campaigns accounts rename acct_abc123 "Anna"',),
    "accounts remove": ('campaigns accounts remove acct_abc123 --reason "sold"',),
    "create": (
        'campaigns create --account acct_abc123 --text "New set is up" --users fans.csv --price 9.99 --media 501',
        'campaigns create --account acct_abc123 --text "Hello" --list 77 --cron "0 21 * * *" --zone Europe/Berlin',
    ),
    "edit": ('campaigns edit 12 --text "New set is up, with video"', "campaigns edit 12 --clear price"),
    "copy": ("campaigns copy 12",),
    "list": ("campaigns list",),
    "show": ("campaigns show 12",),
    "status": ("campaigns status", "campaigns status --watch"),
    "archive": ("campaigns archive 12",),
    "unarchive": ("campaigns unarchive 12",),
    "plan": ("campaigns plan 12",),
    "launch": ("campaigns launch 12", "campaigns launch 12 --wait"),
    "pause": ('campaigns pause 12 --reason "on holiday"', 'campaigns pause 12 --runs --reason "a wrong price"'),
    "resume": ('campaigns resume 12 --reason "back again"',),
    "schedule backfill": ("campaigns schedule backfill 12 --from 2026-11-20T00:00Z --to 2026-11-21T00:00Z --dry-run",),
    "schedule explain": ('campaigns schedule explain "0 18 * * FRI" --zone Europe/Berlin',),
    "schedule skip-next": ("campaigns schedule skip-next 12",),
    "stop": ('campaigns stop --reason "wrong price"', 'campaigns stop --account acct_abc123 --reason "wrong text"'),
    "go": ("campaigns go", "campaigns go --account acct_abc123"),
    "runs attempts": ("campaigns runs attempts 7",),
    "runs batches": ("campaigns runs batches 7 --state rejected",),
    "runs cancel": ('campaigns runs cancel 7 --reason "wrong list"',),
    "runs decide": (
        'campaigns runs decide 7 --batch 3 --as accepted --message-id 8812 --reason "seen at the vendor"',
        'campaigns runs decide 7 --all --as not-sent --reason "no fan has it"',
    ),
    "runs list": ("campaigns runs list --campaign 12",),
    "runs pause": ('campaigns runs pause 7 --reason "typo in the text"',),
    "runs recall": ('campaigns runs recall 7 --reason "wrong price"',),
    "runs recipients": ("campaigns runs recipients 7 --state rejected --output rejected.csv",),
    "runs rerun": (
        'campaigns runs rerun 7 --reason "bad IDs are gone"',
        'campaigns runs rerun 7 --cancelled --dry-run --reason "too late"',
    ),
    "runs resume": ('campaigns runs resume 7 --reason "text is right"',),
    "runs show": ("campaigns runs show 7",),
    "runs watch": ("campaigns runs watch 7",),
    "reconcile": ("campaigns reconcile", "campaigns reconcile 7"),
    "who": ("campaigns who 123456",),
    "why-not": ("campaigns why-not 123456 7",),
    "suppress add": ('campaigns suppress add 123456 --reason "asked not to be written to"',),
    "suppress import": ('campaigns suppress import blocked.csv --reason "list of November"',),
    "suppress list": ("campaigns suppress list",),
    "suppress remove": ('campaigns suppress remove 123456 --reason "asked to come back"',),
    "audit export": ("campaigns audit export --format csv",),
    "audit list": ("campaigns audit list --run 7",),
    "audit verify": ("campaigns audit verify",),
    "limits": ("campaigns limits",),
    "probe": ("campaigns probe acct_abc123 --to 123456",),
    "hosts forget": ('campaigns hosts forget worker-2 --reason "its disk is lost"',),
    "hosts list": ("campaigns hosts list",),
    "operators add": (
        "campaigns operators add anna --rights admin",
        "campaigns operators add ben --rights editor,sender --account acct_abc123",
    ),
    "operators disable": ('campaigns operators disable ben --reason "left the team"',),
    "operators enable": ("campaigns operators enable ben",),
    "operators four-eyes": ("campaigns operators four-eyes on",),
    "operators link": ("campaigns operators link ben",),
    "operators list": ("campaigns operators list",),
    "operators set": ("campaigns operators set ben --rights sender --every-account",),
    "tokens create": ("campaigns tokens create nightly --operator ben --rights sender --expires 30d",),
    "tokens list": ("campaigns tokens list",),
    "tokens revoke": ("campaigns tokens revoke 3",),
}
"""By the words of the command."""


def epilog_of(path: str) -> str | None:
    """The end of a command's help; a mark of click's keeps the lines as they are. None: it has no examples."""
    lines = EXAMPLES.get(path)
    if lines is None:
        return None
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])
