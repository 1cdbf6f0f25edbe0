"""Operate Stripe billing on top of Supabase from a terminal, safely."""

__version__ = "0.1.0"
