"""What is around an item while it is walked: what references name there, and what invariants find of it."""
