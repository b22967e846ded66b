"""Errors in a set of records: answers without the paper's text, promises, damaged links, false quotes."""
