"""Documents: read in confined children, split, embedded, indexed, found again, cited.

A file goes through `reader` (a pool of children, see `read_child`) and comes back as pieces with
their places; everything after that works on pieces and never sees a file format.
"""
