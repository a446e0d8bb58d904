//! Numbers that are the same in every run, so that a failure repeats.

/// A small generator (xorshift).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Makes one; `seed` may be anything.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// Returns the next number.
    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Returns a number below `end`, or 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.any() >> 16).checked_rem(end).unwrap_or(0)
    }

    /// Returns a number of any magnitude, so that sums and comparisons come near each other.
    pub fn any_magnitude(&mut self) -> u64 {
        let shift = self.below(64) as u32;
        self.any().checked_shr(shift).unwrap_or(0)
    }

    /// Returns a signed number of any magnitude.
    pub fn any_signed(&mut self) -> i64 {
        let shift = self.below(64) as u32;
        (self.any() as i64).checked_shr(shift).unwrap_or(0)
    }

    /// Returns one of `choices`, or the default of none.
    pub fn choose<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len() as u64) as usize;
        choices.get(index).copied().unwrap_or_default()
    }

    /// Tosses a coin.
    pub fn coin(&mut self) -> bool {
        self.below(2) == 1
    }
}
