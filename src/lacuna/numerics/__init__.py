"""The device, seeds, and pixels as bytes and as floats."""
