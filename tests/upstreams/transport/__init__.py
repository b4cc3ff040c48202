"""The policies around every upstream, each alone and all together, in virtual time."""
