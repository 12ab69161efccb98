//! Chance that can be repeated: every test that uses it prints or fixes the seed.

/// A small generator (xorshift64*).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Any seed but 0 gives a sequence of its own.
    pub(crate) fn new(seed: u64) -> Self {
        Self((seed | 1 << 63).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end.max(1)
    }

    /// True with a chance in percent.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}
