"""The bus: a supervised nats-server, streams on disk for turns and in memory for tokens."""
