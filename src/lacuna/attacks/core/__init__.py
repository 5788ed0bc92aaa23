"""What attacks share: random numbers, the network under attack, the loop over an image set, regions and searches."""
