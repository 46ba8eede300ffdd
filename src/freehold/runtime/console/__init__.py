"""The console: what a person sees in the browser.

`static/` is a web app of plain ES modules (Preact, signals, htm), served as it lies there: there
is no build step for our own code. `assets.py` reads it once at start for the HTTP floor to serve.
The console talks to the house through `/freehold/v1` only, as the command line does.
"""
