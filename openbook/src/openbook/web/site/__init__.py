"""The static site: a page per paper, lists, trends, audit, studies, downloads and a search index, as plain files."""
