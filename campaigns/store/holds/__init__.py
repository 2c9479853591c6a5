"""Why a run does not go on: holds, hours, expiry."""
