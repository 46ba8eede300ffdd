"""The recipe of Freehold's demonstration model: its world, its training and its score.

Modules, in the order in which they are used:

- ``world``: the names, colours, places and plain sentences the model knows;
- ``data``: conversations made of that world, and their ChatML text;
- ``model``: the network, as llama.cpp's ``llama`` architecture expects it;
- ``train``: tokeniser and training loop, resumable;
- ``convert``: checkpoint to GGUF;
- ``score``: exact-string score of a GGUF file through llama.cpp.
"""
