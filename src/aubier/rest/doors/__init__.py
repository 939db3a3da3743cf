"""The published national APIs: each a row (`ground.rows.Door`) over the same store, as narrow as its guide.

What a row does not name is not taken. A room brings the row; nothing here knows one by name.
"""
