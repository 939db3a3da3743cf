"""What is hidden is absent, on every way out."""
