"""The console: pages and forms for people, signed links, sign-in."""
