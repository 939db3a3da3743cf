"""What a server says of itself."""

from aubier.rest.capability.statement import capability

__all__ = ["capability"]
