"""The web face for people: calm pages drawn on the server."""
