"""What is wrong with a set of records: answers about text that was not there, promises, damaged links, false quotes."""
