"""Reads records that others published, in their own layout, into the table that the rest of openbook works on."""
