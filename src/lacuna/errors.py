"""The one error a user is meant to read."""


class LacunaError(Exception):
    """Something the user can put right: one sentence that says what is wrong, where, and what is allowed.

    It stays on one line, whatever names of files or values of a configuration stand in it.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__("\\n".join(sentence.splitlines()))


class TamperedError(LacunaError):
    """A file or its record is not what was written: something else changed it since."""
