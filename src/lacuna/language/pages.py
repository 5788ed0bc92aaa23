"""Pages in HTML, from templates that lie beside the module that fills them."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates(package: str) -> Environment:
    """The templates of a package, such as ``lacuna.audit``: what is filled in is escaped, and a missing name raises."""
    return Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
