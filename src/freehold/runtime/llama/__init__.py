"""The program that holds one model in memory, run as a child of the house by `llama_server`."""
