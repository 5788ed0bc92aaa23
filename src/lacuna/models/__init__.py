"""The networks: each architecture in its form for small images, with defective layers."""
