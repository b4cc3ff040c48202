"""What holds for every test: no log line and no answer shows a secret that the tests have planted."""

pytest_plugins = ["tests.secrets"]
