//! Writes what changed, and nothing else; a PBX that is away gets the latest state when it is back.
