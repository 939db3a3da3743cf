"""What terminology resources mean: concepts, predicates over them, value sets. Pure, no I/O."""
