"""The published national APIs over HTTP."""
