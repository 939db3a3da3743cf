"""What is asked: searches of every shape, whole records, writes, terminology, exports, a day, a long day."""
