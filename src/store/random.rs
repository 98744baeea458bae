//! Chance from a seed: one generator for nodes, loads and tests, so that a run can be repeated.
//!
//! Must not be used for secrets: whoever sees one number can tell the next.

/// SplitMix64: the same numbers for the same seed, on any system.
#[derive(Debug, Clone, Default)]
pub struct Random(u64);

impl Random {
    /// A generator that begins with `seed`. Seeds that are near each other have nothing in common later.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed with which a new generator goes on as this one does.
    pub const fn seed(&self) -> u64 {
        self.0
    }

    /// 64 random bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix_bits(self.0)
    }

    /// A number below `bound`, which is at least 1.
    #[inline]
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// An index into `len` elements, of which there is at least one.
    #[inline]
    pub const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }
}

/// Spreads the bits of a number: each one changes about half of the result.
#[inline]
pub const fn mix_bits(number: u64) -> u64 {
    let mut bits = number;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    /// Seeds of failed runs are kept in reports: they must mean the same run in later versions.
    #[test]
    fn a_seed_means_the_same_numbers_for_ever() {
        let mut random = Random::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        assert_eq!(std::array::from_fn(|_| random.bits()), expected);
    }
}
