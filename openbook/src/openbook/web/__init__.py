"""What people look at: a record's page, the static site and the server."""
