"""What is particular about some reads: the part of a resource that was asked for, a content as it is."""
