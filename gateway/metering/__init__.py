"""What attempts cost: records, journal, ledger."""
