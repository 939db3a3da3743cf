"""What pages include beside their matches, by the links between resources."""
