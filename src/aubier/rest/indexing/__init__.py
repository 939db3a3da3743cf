"""`SearchParameter/$status`: which custom search parameters answer, and how far the others are."""
