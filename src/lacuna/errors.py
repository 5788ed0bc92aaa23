"""The one error a user is meant to read."""


class LacunaError(Exception):
    """Something the user can put right: one sentence that says what is wrong, where, and what is allowed."""


class TamperedError(LacunaError):
    """A file or its record is not what was written: something else changed it since."""
