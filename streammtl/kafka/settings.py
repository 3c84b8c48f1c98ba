"""How to reach a Kafka cluster: the settings that the source and the sinks share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, field_validator, model_validator

from streammtl.component import Settings

Driver: TypeAlias = Literal["kafka-python", "confluent"]
Protocol: TypeAlias = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism: TypeAlias = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@,]+):(\d{1,5})")
_MAX_PORT = 65535
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _check_server(server: str) -> str:
    found = _SERVER.fullmatch(server)
    if found is None or not 0 < int(found[2]) <= _MAX_PORT:
        raise ValueError("expected host:port, e.g. kafka.example.org:9092")
    return server


class KafkaSecurity(Settings):
    """Encryption and identity. Passwords come from the environment or from files, and are never printed.

    >>> KafkaSecurity(protocol="sasl_ssl", mechanism="SCRAM-SHA-512", username="ada", password_env="KAFKA").mechanism
    'SCRAM-SHA-512'
    """

    protocol: Protocol = Field(
        default="plaintext", description="Encryption (ssl), a user name (sasl_plaintext), both (sasl_ssl) or neither."
    )
    ca: Path | None = Field(
        default=None, description="PEM file of the authorities to trust; null: those that the system trusts."
    )
    certificate: Path | None = Field(
        default=None, description="PEM file of our own certificate, where the broker asks for one."
    )
    key: Path | None = Field(default=None, description="PEM file of the certificate's private key.")
    key_password_env: str | None = Field(
        default=None, description="The name of the environment variable that holds the private key's password."
    )
    key_password_file: Path | None = Field(
        default=None, description="The file whose first line is the private key's password."
    )
    check_hostname: bool = Field(default=True, description="Whether the broker's certificate must be for its host.")
    mechanism: Mechanism | None = Field(default=None, description="How the password is proved, with a sasl protocol.")
    username: str | None = Field(default=None, min_length=1, description="The user, with a sasl protocol.")
    password_env: str | None = Field(
        default=None, description="The name of the environment variable that holds the user's password."
    )
    password_file: Path | None = Field(
        default=None, description="The file whose first line is the user's password. It is never a setting itself."
    )

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.protocol in ("ssl", "sasl_ssl")

    @property
    def has_user(self) -> bool:
        """Whether the connection has a user name and a password."""
        return self.protocol in ("sasl_plaintext", "sasl_ssl")

    @field_validator("password_env", "key_password_env")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            # Without what was found: it may well be the password.
            raise ValueError("expected the name of an environment variable; what was found is none")
        return name

    @model_validator(mode="after")
    def _check_user(self) -> KafkaSecurity:
        settings = {name: getattr(self, name) for name in ("mechanism", "username", "password_env", "password_file")}
        if not self.has_user:
            for name, value in settings.items():
                if value is not None:
                    raise ValueError(f"{name} has no effect with protocol {self.protocol!r}; use sasl_ssl")
            return self
        for name in ("mechanism", "username"):
            if settings[name] is None:
                raise ValueError(f"protocol {self.protocol!r} needs {name}")
        if (self.password_env is None) == (self.password_file is None):
            raise ValueError(f"protocol {self.protocol!r} needs either password_env or password_file")
        return self

    @model_validator(mode="after")
    def _check_encryption(self) -> KafkaSecurity:
        if not self.is_encrypted:
            for name in ("ca", "certificate", "key"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} has no effect with protocol {self.protocol!r}; use ssl or sasl_ssl")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: set both or neither")
        passwords = [self.key_password_env, self.key_password_file]
        if self.key is None and passwords != [None, None]:
            raise ValueError("key_password_env and key_password_file have no effect without key")
        if None not in passwords:
            raise ValueError("set either key_password_env or key_password_file")
        return self


class KafkaConnection(Settings):
    """A cluster, the client library, and how patient to be.

    >>> KafkaConnection(servers="kafka-1:9092,kafka-2:9092").servers
    ('kafka-1:9092', 'kafka-2:9092')
    """

    servers: tuple[Annotated[str, AfterValidator(_check_server)], ...] = Field(
        min_length=1, description="Brokers to ask first, each host:port; the rest of the cluster is found through them."
    )
    driver: Driver = Field(
        default="kafka-python",
        description="The client library: kafka-python, or confluent, with which predictions are there in a third of "
        "the time (pip install 'streammtl[confluent]').",
    )
    security: KafkaSecurity = Field(default=KafkaSecurity(), description="Encryption and identity.")
    client_id: str = Field(default="streammtl", min_length=1, description="The name that the brokers' logs show.")
    request_timeout_s: float = Field(
        default=10.0, ge=1.0, le=600.0, description="A request without an answer for so long is given up, and retried."
    )
    connect_timeout_s: float = Field(
        default=5.0, ge=0.1, le=600.0, description="How long one attempt to reach the cluster may take."
    )
    max_backoff_s: float = Field(
        default=1.0, ge=0.01, le=60.0, description="Longest pause between two attempts; a broker is found so soon."
    )

    @field_validator("servers", mode="before")
    @classmethod
    def _split(cls, servers: Any) -> Any:
        return tuple(part.strip() for part in servers.split(",")) if isinstance(servers, str) else servers
