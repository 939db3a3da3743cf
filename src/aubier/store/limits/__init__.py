"""What scopes with a query open, and no more, as conditions over rows."""
