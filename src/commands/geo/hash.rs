//! Geohashes: a place as one number, longitude and latitude bit by bit in turn.

/// Longitudes that can be stored, in degrees.
pub(super) const LONGITUDES: Span = Span { min: -180.0, max: 180.0 };
/// Latitudes that can be stored: those of the web's maps (EPSG:900913), which leave out the poles.
pub(super) const LATITUDES: Span = Span { min: -85.051_128_78, max: 85.051_128_78 };
/// Latitudes of the geohashes that other programs know.
pub(super) const ALL_LATITUDES: Span = Span { min: -90.0, max: 90.0 };
/// Most bits for each coordinate: a score holds 52 without rounding.
pub(super) const STEP_MAX: u32 = 26;

const EVEN: u64 = 0x5555_5555_5555_5555;
const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;

/// From one coordinate to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Span {
    pub(super) fn contains(self, value: f64) -> bool {
        value >= self.min && value <= self.max
    }
}

/// A place in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

/// A rectangle on the map: the first `step` bits of both coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GeoHash {
    pub(super) bits: u64,
    pub(super) step: u32,
}

/// What a [`GeoHash`] covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) longitude: Span,
    pub(super) latitude: Span,
}

/// The bits of a 32-bit number, each followed by a zero.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_FFFF_0000_FFFF),
        (8, 0x00FF_00FF_00FF_00FF),
        (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        bits = (bits | (bits << shift)) & mask;
    }
    bits
}

/// Every second bit.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0F0F_0F0F_0F0F_0F0F),
        (4, 0x00FF_00FF_00FF_00FF),
        (8, 0x0000_FFFF_0000_FFFF),
        (16, 0x0000_0000_FFFF_FFFF),
    ] {
        bits = (bits | (bits >> shift)) & mask;
    }
    bits as u32
}

impl GeoHash {
    /// The hash of a place, in a map that reaches as far as `latitudes`.
    pub(super) fn encode(place: Place, latitudes: Span, step: u32) -> Self {
        let part = |value: f64, span: Span| {
            let offset = (value - span.min) / (span.max - span.min);
            (offset * (1u64 << step) as f64) as u32
        };
        let (latitude, longitude) = (part(place.latitude, latitudes), part(place.longitude, LONGITUDES));
        Self { bits: spread(latitude) | (spread(longitude) << 1), step }
    }

    /// The hash in a score, which may be any number: what C makes of it on x86.
    pub(super) fn of_score(score: f64) -> Self {
        const HALF: f64 = 9_223_372_036_854_775_808.0;
        let bits = if score < HALF {
            score as i64 as u64
        } else if score < 2.0 * HALF {
            (score - HALF) as u64 | (1 << 63)
        } else {
            0
        };
        Self { bits, step: STEP_MAX }
    }

    /// The rectangle that it covers.
    pub(super) fn area(self) -> Area {
        let span = |index: u32, whole: Span| {
            let (size, parts) = (whole.max - whole.min, (1u64 << self.step) as f64);
            Span {
                min: whole.min + (f64::from(index) / parts) * size,
                max: whole.min + (f64::from(index.wrapping_add(1)) / parts) * size,
            }
        };
        Area {
            longitude: span(gather(self.bits >> 1), LONGITUDES),
            latitude: span(gather(self.bits), LATITUDES),
        }
    }

    /// The middle of its rectangle.
    pub(super) fn place(self) -> Place {
        let Area { longitude, latitude } = self.area();
        Place {
            longitude: f64::midpoint(longitude.min, longitude.max).clamp(LONGITUDES.min, LONGITUDES.max),
            latitude: f64::midpoint(latitude.min, latitude.max).clamp(LATITUDES.min, LATITUDES.max),
        }
    }

    /// Its bits where a score of 52 bits has them.
    pub(super) fn aligned(self) -> u64 {
        self.bits << (52 - self.step * 2)
    }

    /// The rectangle so many to the east and to the north; the map has no edges here.
    pub(super) fn moved(self, east: i8, north: i8) -> Self {
        let unused = 64 - self.step * 2;
        let shifted = |own: u64, others: u64, by: i8| match by {
            0 => own,
            // The bits between carry over, and borrow.
            1.. => own.wrapping_add((others >> unused) + 1),
            _ => (own | (others >> unused)).wrapping_sub((others >> unused) + 1),
        };
        let x = shifted(self.bits & ODD, EVEN, east) & (ODD >> unused);
        let y = shifted(self.bits & EVEN, ODD, north) & (EVEN >> unused);
        Self { bits: x | y, step: self.step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_to_within_a_metre() {
        let palermo = Place { longitude: 13.361_389, latitude: 38.115_556 };
        let hash = GeoHash::encode(palermo, LATITUDES, STEP_MAX);
        assert_eq!(hash.bits, 3_479_099_956_230_698, "the score that Redis gives it");
        let back = GeoHash::of_score(hash.bits as f64).place();
        assert!((back.longitude - palermo.longitude).abs() < 1e-5);
        assert!((back.latitude - palermo.latitude).abs() < 1e-5);
    }

    #[test]
    fn neighbours_lead_back() {
        let here = GeoHash::encode(Place { longitude: 10.0, latitude: 10.0 }, LATITUDES, 8);
        for (east, north) in [(1, 0), (0, 1), (1, 1), (-1, 1)] {
            let there = here.moved(east, north);
            assert_ne!(there, here);
            assert_eq!(there.moved(-east, -north), here);
        }
        assert!(here.moved(1, 0).area().longitude.min > here.area().longitude.min);
        assert!(here.moved(0, 1).area().latitude.min > here.area().latitude.min);
    }
}
