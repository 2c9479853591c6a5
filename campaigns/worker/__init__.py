"""Celery: an application, one beat entry, and three tasks that only wake the flow up."""
