"""Encryption and identity in the words of the two client libraries; the only place that reads passwords.

A password goes from the environment or a file into a client's settings and nowhere else: no message of ours contains
it, and nothing keeps it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from streammtl.errors import ConfigError
from streammtl.kafka.settings import KafkaSecurity


def kafka_python_security(security: KafkaSecurity) -> dict[str, Any]:
    """Arguments that say to clients of kafka-python how to prove who we are and whom to trust."""
    settings: dict[str, Any] = {"security_protocol": security.protocol.upper()}
    if security.is_encrypted:
        settings["ssl_check_hostname"] = security.check_hostname
        settings |= {f"ssl_{name}file": path for name, path in _files(security).items()}
        if (password := _key_password(security)) is not None:
            settings["ssl_password"] = password
    if security.has_user:
        settings["sasl_mechanism"] = security.mechanism
        settings["sasl_plain_username"] = security.username
        settings["sasl_plain_password"] = _user_password(security)
    return settings


def confluent_security(security: KafkaSecurity) -> dict[str, Any]:
    """The same for confluent-kafka."""
    settings: dict[str, Any] = {"security.protocol": security.protocol}
    if security.is_encrypted:
        settings["ssl.endpoint.identification.algorithm"] = "https" if security.check_hostname else "none"
        names = {"ca": "ssl.ca.location", "cert": "ssl.certificate.location", "key": "ssl.key.location"}
        settings |= {names[name]: path for name, path in _files(security).items()}
        if (password := _key_password(security)) is not None:
            settings["ssl.key.password"] = password
    if security.has_user:
        settings["sasl.mechanism"] = security.mechanism
        settings["sasl.username"] = security.username
        settings["sasl.password"] = _user_password(security)
    return settings


def _files(security: KafkaSecurity) -> dict[str, str]:
    """The files that are named, each of them there."""
    named = {"ca": security.ca, "cert": security.certificate, "key": security.key}
    found = {}
    for name, path in named.items():
        if path is None:
            continue
        if not path.is_file():
            raise ConfigError(f"security.{'certificate' if name == 'cert' else name}: there is no file {path}")
        found[name] = str(path)
    return found


def _user_password(security: KafkaSecurity) -> str:
    return _read("password", security.password_env, security.password_file)


def _key_password(security: KafkaSecurity) -> str | None:
    if security.key_password_env is None and security.key_password_file is None:
        return None
    return _read("key_password", security.key_password_env, security.key_password_file)


def _read(what: str, variable: str | None, path: Path | None) -> str:
    if variable is not None:
        password = os.environ.get(variable, "")
        if not password:
            raise ConfigError(f"security.{what}_env: the environment variable {variable} is not set, or empty")
        return password
    assert path is not None, "one of the two is set"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"security.{what}_file: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"security.{what}_file: {path} is not UTF-8 text") from None
    if not lines or not lines[0]:
        raise ConfigError(f"security.{what}_file: the first line of {path} is empty")
    return lines[0]
