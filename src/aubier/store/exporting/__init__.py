"""A whole type, or what meets criteria, as it stood at one moment: what bulk exports walk."""
