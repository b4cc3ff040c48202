"""What tests of all folders share: Chromium, Node, Redis where one asks for them, and a watch over planted secrets."""

pytest_plugins = ["tests.chromium", "tests.node_packages", "tests.redis_server", "tests.secrets"]
