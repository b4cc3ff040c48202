"""The authorities that OpenSSL's own variables name: a wrong name is an outage that no setting explains."""

import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path


def certificate_problems(environment: Mapping[str, str]) -> Iterator[str]:
    """Name what is wrong with `SSL_CERT_FILE` and `SSL_CERT_DIR`, where they are set.

    OpenSSL passes over a file that it cannot read, and then trusts nobody.
    """
    file = environment.get("SSL_CERT_FILE")
    if file is not None and (problem := _file_problem(file)):
        yield f"SSL_CERT_FILE: {problem}"
    for directory in (environment.get("SSL_CERT_DIR") or "").split(os.pathsep):
        if directory and not Path(directory).is_dir():
            yield f"SSL_CERT_DIR: there is no directory {directory!r}; unset it to trust the system's authorities"


def _file_problem(file: str) -> str | None:
    if not Path(file).is_file():
        return f"there is no file {file!r}; unset it to trust the system's authorities"
    try:
        ssl.create_default_context(cafile=file)
    except PermissionError:
        return f"{file!r} may not be read by this user"
    except (ssl.SSLError, OSError):
        return f"{file!r} holds no certificates in PEM format"
    return None
