"""What a Subscription asks for, read and refused: criteria, topics, channels and endpoints."""
