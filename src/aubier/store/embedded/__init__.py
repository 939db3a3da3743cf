"""The parts of the embedded PostgreSQL: its binaries, its data folder, its process.

Written against "a folder with bin/", so another package of the same shape can replace the one used.
`aubier.store.embedded.server` puts the parts together.
"""
