"""Values and what they are to each other: dates and times, amounts, equality and order."""
