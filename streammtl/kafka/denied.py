"""What the cluster does not let our user do, in words that somebody can act on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from streammtl.errors import SinkError
from streammtl.kafka.clients import kafka_python_settings
from streammtl.kafka.settings import KafkaConnection, KafkaSecurity

#: What permissions are for.
Resource: TypeAlias = Literal["topic", "group", "transactional-id"]


def lacks(connection: KafkaConnection, operation: str, resource: Resource, name: str, why: str = "") -> str:
    """Who lacks which operation on what, why we need it, and the command that grants it.

    >>> security = {"protocol": "sasl_ssl", "mechanism": "PLAIN", "username": "ada", "password_env": "ADA"}
    >>> connection = KafkaConnection(servers="kafka-1:9093", security=security)
    >>> said = lacks(connection, "Write", "topic", "rejects").split(". ")
    >>> said[0]
    "user 'ada' lacks the operation Write on the topic 'rejects'"
    >>> said[1].partition(" --add ")[2]
    "--allow-principal 'User:ada' --operation Write --topic 'rejects'"
    """
    who, principal = _whom(connection.security)
    return (
        f"{who} lacks the operation {operation} on the {resource.replace('-', ' ')} {name!r}{why and f', {why}'}. "
        f"To grant it: kafka-acls.sh --bootstrap-server {connection.servers[0]} --add --allow-principal "
        f"'{principal}' --operation {operation} --{resource} '{name}'"
    )


def refused_transaction(
    do: str,
    connection: KafkaConnection,
    resource: Resource,
    transactional_id: str,
    topics: Iterable[str],
    mark: str | None,
) -> SinkError:
    """The error of a transaction that lacks a permission while we wanted to `do` something.

    `topics` were published to; `mark` is the topic of the mark, where that is being set.
    """
    if resource == "topic" and mark is None:
        return SinkError(f"cannot publish: {lacks_to_write(connection, topics)}")
    return SinkError(f"cannot {do}: {lacks_in_transaction(connection, resource, mark or '', transactional_id)}")


def lacks_in_transaction(connection: KafkaConnection, resource: Resource, topic: str, transactional_id: str) -> str:
    """`lacks` of what a transaction needs beside records; `topic` is that of its mark."""
    if resource == "topic":
        return lacks(connection, "Read", resource, topic, "in which transactions keep their mark, an offset")
    return lacks(connection, "Read" if resource == "group" else "Write", resource, transactional_id)


def lacks_to_write(connection: KafkaConnection, topics: Iterable[str]) -> str:
    """`lacks` of the first of the topics that we may not write to; of the first one, where the cluster does not say."""
    asked = sorted(topics)
    denied = [topic for topic, operations in _allowed(connection, asked).items() if "WRITE" not in operations]
    return lacks(connection, "Write", "topic", (denied or asked)[0])


def _whom(security: KafkaSecurity) -> tuple[str, str]:
    """Who we are: for people, and for the brokers' rules."""
    if security.has_user:
        return f"user {security.username!r}", f"User:{security.username}"
    if security.certificate is not None:
        return f"the user of {security.certificate}", "User:CN=..."  # what brokers make of it is theirs to say
    return "our user, who has no name,", "User:ANONYMOUS"


def _allowed(connection: KafkaConnection, topics: list[str]) -> dict[str, list[str]]:
    """What we may do with topics, of those for which the cluster says it."""
    import kafka
    from kafka.errors import KafkaError

    try:
        admin = kafka.KafkaAdminClient(**kafka_python_settings(connection))
        try:
            described = admin.describe_topics(topics)
        finally:
            admin.close()
    except KafkaError:
        return {}
    return {topic["name"]: topic["authorized_operations"] or [] for topic in described}
