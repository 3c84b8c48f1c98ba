"""Kafka: settings, security, and two client libraries behind one small contract."""
