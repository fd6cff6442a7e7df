"""A second implementation of what docs/protocol.md says about receipts and trust files. Standard library only."""
