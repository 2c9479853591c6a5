"""The pages of accounts, and what a person does to one."""
