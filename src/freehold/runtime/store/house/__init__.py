"""Migrations of `house.sqlite`: people, keys, chats, turns, settings, models."""
