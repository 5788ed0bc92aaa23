"""The networks, with defective layers: for small images, and with a stem that reduces ImageNet's."""
