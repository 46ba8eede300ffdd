"""What this machine has: processor, memory, graphics cards, disk. Read, never guessed."""
