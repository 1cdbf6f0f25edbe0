"""The only place that formats: tables, JSON, numbers."""
