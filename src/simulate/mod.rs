//! Scripted phones.
