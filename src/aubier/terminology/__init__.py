"""Floor 4: code systems and value sets. Nothing here yet; the next rooms are to stand on it."""
