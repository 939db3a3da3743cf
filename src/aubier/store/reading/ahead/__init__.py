"""A page looked for along an index before all is read (`newest`), where that is worth it (`worth`)."""
