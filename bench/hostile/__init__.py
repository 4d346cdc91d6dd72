"""Connections that nobody wants: made up, played against an activator, and what is left of them in its memory."""
