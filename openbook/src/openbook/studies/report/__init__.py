"""A study's report: a paper of its own, as PDF and HTML, made from the study's file and the results of its runs."""
