"""An update while both releases run."""
