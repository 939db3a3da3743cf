"""Who signs in, in a browser: accounts, passwords, sessions, the login page."""
