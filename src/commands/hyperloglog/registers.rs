//! What both forms of a HyperLogLog have in common: 16,384 registers, the hash that picks one, and the estimate.
//!
//! The estimate is that of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
//! <https://arxiv.org/abs/1702.01284>, in the order of operations that gives Redis' number to the last digit.

/// Bits of a hash that pick the register.
const INDEX_BITS: u32 = 14;
/// Bits of a hash that are left for the register's value.
const VALUE_BITS: u32 = 64 - INDEX_BITS;
/// Registers.
pub(super) const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of a register in the dense form.
const WIDTH: usize = 6;
/// Bytes of all registers in the dense form.
pub(super) const DENSE_BYTES: usize = REGISTERS * WIDTH / 8;
/// Seed of the hash: other bytes than Redis' would come of any other.
const SEED: u64 = 0xADC8_3B19;
/// 0.5 / ln 2
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// How many registers hold each value.
pub(super) type Histogram = [u32; 64];

/// The register that an element belongs to, and the value that it wants there.
pub(super) fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, SEED);
    let rest = (hash >> INDEX_BITS) | 1 << VALUE_BITS;
    (hash as usize & (REGISTERS - 1), rest.trailing_zeros() as u8 + 1)
}

/// MurmurHash64A by Austin Appleby (public domain), reading little-endian words on any machine.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xC6A4_A793_5BD1_E995;
    const R: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> R;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash ^= hash >> R;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> R
}

/// A register of the dense form.
pub(super) fn dense_get(dense: &[u8], index: usize) -> u8 {
    let (at, bit) = (index * WIDTH / 8, index * WIDTH % 8);
    let pair = u16::from_le_bytes([dense[at], dense.get(at + 1).copied().unwrap_or(0)]);
    (pair >> bit) as u8 & 63
}

/// Sets a register of the dense form.
pub(super) fn dense_set(dense: &mut [u8], index: usize, value: u8) {
    let (at, bit) = (index * WIDTH / 8, index * WIDTH % 8);
    let (mask, value) = (63u16 << bit, u16::from(value) << bit);
    dense[at] = dense[at] & !(mask as u8) | value as u8;
    if let Some(byte) = dense.get_mut(at + 1) {
        *byte = *byte & !((mask >> 8) as u8) | (value >> 8) as u8;
    }
}

/// Raises a register of the dense form to at least `value`; whether it was lower.
pub(super) fn dense_raise(dense: &mut [u8], index: usize, value: u8) -> bool {
    let higher = value > dense_get(dense, index);
    if higher {
        dense_set(dense, index, value);
    }
    higher
}

/// How many different elements were added.
pub(super) fn estimate(histogram: &Histogram) -> u64 {
    let m = REGISTERS as f64;
    let full = f64::from(histogram[VALUE_BITS as usize + 1]);
    let mut z = m * tau((m - full) / m);
    for &count in histogram[1..=VALUE_BITS as usize].iter().rev() {
        z = (z + f64::from(count)) * 0.5;
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    (ALPHA * m * m / z).round() as u64
}

/// The share of registers that are still 0.
#[allow(clippy::float_cmp)] // the series ends when a step changes nothing
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        let before = z;
        x *= x;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// The share of registers that are as high as they can be.
#[allow(clippy::float_cmp)] // as above
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        let before = z;
        x = x.sqrt();
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_registers_do_not_touch_each_other() {
        let mut dense = vec![0; DENSE_BYTES];
        let mut random = crate::store::Random::new(3);
        let values: Vec<u8> = (0..REGISTERS).map(|_| random.bits() as u8 & 63).collect();
        for round in 0..2 {
            for (index, value) in values.iter().enumerate() {
                dense_set(&mut dense, index, if round == 0 { 63 - value } else { *value });
            }
        }
        let read: Vec<u8> = (0..REGISTERS).map(|index| dense_get(&dense, index)).collect();
        assert_eq!(read, values);
    }

    #[test]
    fn the_estimate_of_nothing_is_nothing() {
        let mut histogram = [0; 64];
        histogram[0] = REGISTERS as u32;
        assert_eq!(estimate(&histogram), 0);
    }
}
