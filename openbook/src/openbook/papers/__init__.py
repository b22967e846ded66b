"""Papers: reading files into text with pages, sections, sentences and links."""
