"""What the user brings to a job: it gets copies, its state is compared, and what it gives back is checked."""
