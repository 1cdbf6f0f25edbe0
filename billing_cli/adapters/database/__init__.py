"""The only place that calls Postgres, over REST or over the wire."""
