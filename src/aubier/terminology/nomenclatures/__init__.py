"""Published nomenclatures in the formats of their publishers, read as streams of concepts.

Each format has its file; `kinds` tells them apart and `load` puts them into the tables. What a file says
beyond the code, its name and its place is kept as properties. No nomenclature is shipped: each has its own
licence, and whoever loads it has obtained it.
"""
