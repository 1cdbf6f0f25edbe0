"""The embedded engine in which two sides are compared."""
