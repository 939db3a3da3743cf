"""The contents of documents beside the database: encrypted per patient, on disk or S3-compatible."""

from aubier.store.contents.binaries import Binaries, Kept, Stored, master_key

__all__ = ["Binaries", "Kept", "Stored", "master_key"]
