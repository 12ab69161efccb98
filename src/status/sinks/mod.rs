//! One file per destination.
