"""How messages name what code of the user's own gave back."""


def named(made: object) -> str:
    """What something is, in words: ``a tuple of 2``, ``an array of numpy``."""
    if isinstance(made, tuple | list | dict):
        return f"a {type(made).__name__} of {len(made)}"
    if type(made).__module__ == "numpy":
        return "an array of numpy"
    return f"an object of type {type(made).__name__}"
