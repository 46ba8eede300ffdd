"""Migrations of `knowledge.sqlite`: documents, passages, words and vectors."""
