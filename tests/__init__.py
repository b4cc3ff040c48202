"""The tests; a package, so that no test folder can shadow one of ours."""
