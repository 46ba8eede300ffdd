"""Conversations: asked, answered, kept; an answer goes on when nobody watches."""
