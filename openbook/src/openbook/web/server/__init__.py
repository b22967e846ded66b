"""The server: drop a paper on a page, watch it being read, get its record, put an answer right; and the same by HTTP.

What is uploaded is bytes of a stranger: it lies in a folder of its own under a random name, is read in a process under
limits, and is deleted. An upload that was accepted is read, whatever happens to the server in between.
"""
