"""Floor 7: the national services, one room each, no door between rooms."""
