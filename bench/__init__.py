"""What is measured, how, and the saved results (`make bench`).

Each server gets the same corpus on the same PostgreSQL and answers the same questions; a row counts only
when its answers are those of the book. What the machine can do at all is measured beside each of them.
"""
