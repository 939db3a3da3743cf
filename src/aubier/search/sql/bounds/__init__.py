"""What follows from a question: the stretch of an index to look in (`stretch`, `measure`)."""
