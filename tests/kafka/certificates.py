"""Certificates for the secured listeners: an authority, a server's, one that expired, and an authority nobody knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def make_certificates(folder: Path) -> None:
    """Write ca.pem, server.pem and expired.pem (a key and its certificates), and unknown_ca.pem."""
    folder.mkdir(parents=True)
    _authority(folder, "ca", "streammtl test authority")
    _authority(folder, "unknown_ca", "another authority")
    _server(folder, "server", days=2)
    _server(folder, "expired", days=-1)


def _authority(folder: Path, name: str, common_name: str) -> None:
    subject = ["-subj", f"/CN={common_name}", "-days", "2"]
    _openssl(folder, "req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", *subject)


def _server(folder: Path, name: str, days: int) -> None:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    _openssl(folder, "req", "-new", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", *subject)
    authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days)]
    _openssl(
        folder, "x509", "-req", "-in", f"{name}.csr", *authority, "-copy_extensions", "copy", "-out", f"{name}.crt"
    )
    parts = [(folder / file).read_bytes() for file in (f"{name}.key", f"{name}.crt", "ca.pem")]
    (folder / f"{name}.pem").write_bytes(b"".join(parts))


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True, timeout=60)
