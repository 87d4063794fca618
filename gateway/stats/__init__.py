"""What attempts have taught this worker of the targets: who is to be left alone, and who is fast."""
