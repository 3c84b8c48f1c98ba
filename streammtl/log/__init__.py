"""The embedded log: topics, partitions and offsets in one SQLite file. The only place that imports sqlite3."""
