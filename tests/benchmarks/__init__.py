"""What a cycle costs, side by side with everything else that could do its work: `make bench`."""
