//! How long to wait before trying again.

use std::time::Duration;

/// Full jitter between the shortest pause and 2 × shortest, 4 × … longest, by failures so far, so that many who wait for
/// the same thing do not come back at once. `chance` is in 0..=1.
pub fn backoff((shortest, longest): (Duration, Duration), failures: u32, chance: f64) -> Duration {
    let most = shortest.saturating_mul(1 << failures.min(6)).min(longest).max(shortest);
    shortest + most.saturating_sub(shortest).mul_f64(chance.clamp(0.0, 1.0))
}
