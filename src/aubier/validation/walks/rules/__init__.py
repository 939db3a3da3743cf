"""What the specification says of whole resources: entries of a Bundle, definitions, vital signs."""
