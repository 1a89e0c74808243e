"""Who is told of trouble: what is worth a message, and how it gets there."""
