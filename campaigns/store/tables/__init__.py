"""The tables, one module for each subject.

Some rules stand in no `CheckConstraint` here, because they hold for new rows only: migration 0015 makes triggers, which
refuse a blank name, actor or reason, and a hold of an unknown kind. A migration that makes one of these tables again on
SQLite must make its triggers again too.
"""
