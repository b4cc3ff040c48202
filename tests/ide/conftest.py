import os
import shutil
from pathlib import Path

import pytest

from gateway.ide.page import Ide

FRONTEND = Path(__file__).parents[2] / "frontend"


@pytest.fixture
def chromium() -> str:
    """The browser's path; where something that the test needs is missing, the test skips, but fails in CI."""
    browser = shutil.which("chromium")
    needs = {
        "chromium on PATH": browser,
        "node on PATH": shutil.which("node"),
        "`npm ci` in frontend/": (FRONTEND / "node_modules" / "playwright-core").is_dir(),
        "`npm run build` in frontend/": Ide().built,
    }
    missing = [need for need, found in needs.items() if not found]
    if missing and os.environ.get("CI"):
        pytest.fail(f"the IDE cannot be tested without {', '.join(missing)}")
    if browser is None or missing:
        pytest.skip(f"needs {', '.join(missing)}")
    return browser
