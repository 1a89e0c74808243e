"""What is generated for the people: the man pages and the completions."""
