"""The one error a user is meant to read."""


def without_controls(text: str) -> str:
    """A text for a terminal or a log, on the lines that it has. For control characters stands what Python writes.

    They could move the cursor, hide a text, or turn its direction round.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


class LacunaError(Exception):
    """Something the user can put right: one sentence that says what is wrong, where, and what is allowed.

    It stays on one line and without control characters, whatever names of files or values of a configuration stand in
    it: a terminal would obey them.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(without_controls("\\n".join(sentence.splitlines())))


class TimeIsUp(BaseException):
    """A Slurm job's time ends before its next state could be kept. The last one is kept, so the job may go on later.

    Like an interrupt it is no error, and nothing but `lacuna.jobs.job` catches it.
    """


class TamperedError(LacunaError):
    """A file or its record is not what was written: something else changed it since."""
