"""How a database is opened: reached, looked at, brought to this release.

What stands in the way is said in a sentence: where the server is, what it answered, what to do.
"""
