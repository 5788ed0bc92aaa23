"""What surrounds a job and a run: logs, ownership, progress, errors as one sentence. Nothing here decides a number."""
