"""What applications hold: their registration, what was granted to them, signed tokens and their claims."""
