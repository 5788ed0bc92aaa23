"""A figure that a function of the user's own draws from the cells of a table. No torch here."""

from lacuna.reporting.plots.core.keys import TABLE
from lacuna.reporting.plots.core.plot import Key, Plot, Schema
from lacuna.reporting.plots.core.tables import cell_files, placed_settings

VALUE: Schema = {
    "type": ["number", "string", "boolean", "null"],
    "description": "a number, a text, true, false or null",
}
ARGUMENTS = Key(
    {
        "type": "object",
        "additionalProperties": VALUE,
        "description": "names with plain values, for a plot of your own",
    }
)
HEIGHT = Key(
    {
        "type": "number",
        "minimum": 1,
        "maximum": 12,
        "description": "a number from 1 to 12, the height in inches of a plot of your own",
    }
)
OWN_PLOT = Plot(
    keys={"table": TABLE},
    optional={"arguments": ARGUMENTS, "height": HEIGHT},
    files=cell_files,
    settings=placed_settings,
)
