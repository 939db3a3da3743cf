"""Searches answered twice, by the server and by a slow and obvious interpreter, which must agree."""
