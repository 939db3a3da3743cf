"""What is particular about some writes: patches in the forms in which they are sent."""
