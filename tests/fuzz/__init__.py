"""Every reader of ours against input that nobody sane would send."""
