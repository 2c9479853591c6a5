"""operators of the desk, their sessions, tokens and login links, failed logins, and the rule of four eyes

Safe beside the previous release, which has none of them and does not read the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _operators()
    _sessions()
    _tokens()
    _logins()
    op.create_table(
        "access_rule",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("four_eyes", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_access_rule_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_rule")),
    )


def downgrade() -> None:
    for table in ("access_rule", "login_failure", "login_link", "api_token", "desk_session", "desk_operator"):
        op.drop_table(table)


def _operators() -> None:
    op.create_table(
        "desk_operator",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("accounts", sa.JSON(none_as_null=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("name = lower(name) AND name <> ''", name=op.f("ck_desk_operator_name_is_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_operator")),
        sa.UniqueConstraint("name", name=op.f("uq_desk_operator_name")),
    )


def _sessions() -> None:
    op.create_table(
        "desk_session",
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("operator_id", ID, nullable=False),
        sa.Column("incarnation", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("address", sa.Text()),
        sa.ForeignKeyConstraint(["operator_id"], ["desk_operator.id"], name=op.f("fk_desk_session_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_session")),
        sa.UniqueConstraint("sha256", name=op.f("uq_desk_session_sha256")),
    )
    op.create_index(op.f("desk_session_operator_id"), "desk_session", ["operator_id"])
    op.create_index(op.f("desk_session_expires_at"), "desk_session", ["expires_at"])


def _tokens() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("last_four", sa.String(4), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("operator_id", ID, nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("accounts", sa.JSON(none_as_null=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_by", sa.Text()),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name=op.f("ck_api_token_revoked_is_whole")),
        sa.ForeignKeyConstraint(["operator_id"], ["desk_operator.id"], name=op.f("fk_api_token_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_token_sha256")),
    )
    op.create_index(op.f("api_token_operator_id"), "api_token", ["operator_id"])


def _logins() -> None:
    op.create_table(
        "login_link",
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("operator_id", ID),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["operator_id"], ["desk_operator.id"], name=op.f("fk_login_link_operator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_link")),
        sa.UniqueConstraint("sha256", name=op.f("uq_login_link_sha256")),
    )
    op.create_index(op.f("login_link_expires_at"), "login_link", ["expires_at"])
    op.create_table(
        "login_failure",
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("failures > 0", name=op.f("ck_login_failure_failures_are_counted")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_failure")),
    )
    op.create_index(op.f("login_failure_last_at"), "login_failure", ["last_at"])
