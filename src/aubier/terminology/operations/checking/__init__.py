"""`$validate-code`: what is asked, what came of it, and what is worth saying beside."""
