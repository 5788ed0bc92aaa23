"""What attacks share: random numbers, the network under attack, regions and searches, and the loop over images."""
