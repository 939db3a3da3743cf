"""Floor 6: the four referentials that every service needs: identity, directory, sign-on, sharing."""
