"""The settings: read from the environment and a TOML file, checked all at once, and frozen."""

from gateway.settings.loading import load_settings, unknown_settings
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsProblems

__all__ = ["Settings", "SettingsProblems", "load_settings", "unknown_settings"]
