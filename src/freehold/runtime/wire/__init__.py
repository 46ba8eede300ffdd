"""Conversations that several engines hold in the same words: a dialect spoken over the client."""
