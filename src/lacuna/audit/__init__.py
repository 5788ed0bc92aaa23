"""One page that says where each number comes from, whether it is as it was made, and which claims hold. No torch."""
