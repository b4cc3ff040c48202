"""The status page for operators: what all workers know, as one page and one JSON document."""
