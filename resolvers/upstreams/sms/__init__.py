"""The SMS for Applications API: jobs, their reports and their recipients."""
