"""How it is a server: settings, app, HTTP endpoint, callers, webhooks, health, command line, sandbox."""
