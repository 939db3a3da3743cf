"""Who looked: the audit line in the statement that it is the proof of, and reading those lines back."""
