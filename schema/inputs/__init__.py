"""What clients hand in: each input is checked before any call, and turned into what an upstream is sent."""
