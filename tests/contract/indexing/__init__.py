"""Search parameters that somebody posts, and index rows made again."""
