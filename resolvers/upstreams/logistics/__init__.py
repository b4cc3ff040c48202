"""The logistics Partnership API: tasks, price quotes, organizations, tokens."""
