"""What an operator can set: read from the environment and a TOML file, checked in one go, frozen."""

from gateway.settings.loading import load_settings, unknown_settings
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsProblems

__all__ = ["Settings", "SettingsProblems", "load_settings", "unknown_settings"]
