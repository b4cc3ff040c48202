"""How it is a server: settings, the app, the HTTP endpoint, callers, webhooks, health, the command line, the sandbox."""
