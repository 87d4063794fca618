"""The outbound socket; foreign errors end here."""
