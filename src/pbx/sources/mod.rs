//! One file per PBX source.
