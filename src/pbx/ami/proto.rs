//! Framing of the manager protocol.
