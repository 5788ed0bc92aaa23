"""Images that somebody else made of the same ones, found by the names of their files; without a network."""

from lacuna.language.methods import Method, Parameter, Value

METHOD = Method(
    function="lacuna.attacks.folder:read_counterparts",
    modules=("data/folder",),
    required=(
        Parameter("name", Value.text("lower-case letters, digits and _", "^[a-z][a-z0-9_]*$")),
        Parameter("path", Value.text("a folder with <class>/<image>, as the dataset's test images")),
        Parameter("resize", Value.choice("exact", "stretch", "crop")),
    ),
    loss="",
    files=True,
    network=False,
    named_by="name",
)
