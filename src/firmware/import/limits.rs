//! What an archive may cost (T20 of the threats page). Octets, unless said.

/// What is taken in.
pub const IN: u64 = 512 << 20;

/// What may come out.
pub const OUT: u64 = 1 << 30;

/// Entries, those of archives in archives included.
pub const ENTRIES: u64 = 2_000;

/// What comes out for each octet of an entry; a gzip stream is one.
pub const RATIO: u64 = 100;

/// Below this much the ratio is not asked: a kilobyte of blanks shrinks to nothing and harms nobody.
pub const RATIO_FROM: u64 = 1 << 20;

/// Archives in archives. A gzip stream around a tar counts as one with it.
pub const DEPTH: u32 = 3;

/// Name of an entry, with its path.
pub const NAME: usize = 255;

/// Names of ignored entries that are reported.
pub const IGNORED: usize = 100;

/// CPU of the process that takes an archive apart, seconds.
pub const CPU: u64 = 120;

/// Memory that it may have written to.
pub const MEMORY: u64 = 28 << 20;
