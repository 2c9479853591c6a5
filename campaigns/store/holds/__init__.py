"""Why a run does not go on: holds, sending hours, expiry."""
