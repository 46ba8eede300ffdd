"""The words of freehold.yaml, one file for each section; read these to know what can be said."""
