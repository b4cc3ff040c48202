"""The send-tasks API (JSON:API): products delivered to DSPs."""
