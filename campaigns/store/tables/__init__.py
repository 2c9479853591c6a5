"""The tables, one module for each subject.

Some rules are not a `CheckConstraint` here, because they apply to new rows only: migration 0015 makes triggers that
refuse a blank name, actor or reason, and a hold of an unknown kind. A migration that makes one of these tables again on
SQLite must make its triggers again too.
"""
