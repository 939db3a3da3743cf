"""Other servers that the bench measures beside ours, each built from published parts by a recipe of ours."""
