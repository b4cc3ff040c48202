"""What tests of all folders share: Node and Redis where one asks for them, and a watch over planted secrets."""

pytest_plugins = ["tests.node_packages", "tests.redis_server", "tests.secrets"]
