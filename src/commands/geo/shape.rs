//! Distances on a sphere, and the rectangles of the map that cover a search.

use super::hash::{GeoHash, LATITUDES, Place, STEP_MAX};

/// Mean radius of the earth in metres.
const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Half of the map's width at the equator, in metres.
const MERCATOR_MAX: f64 = 20_037_726.37;
const RADIANS: f64 = std::f64::consts::PI / 180.0;

/// Around a place, what a search looks for. All lengths are in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// Along a meridian.
fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS * (b * RADIANS - a * RADIANS).abs()
}

/// Distance of two places in metres (haversine). The order of the steps is Redis', so that results are rounded alike.
pub(super) fn distance(a: Place, b: Place) -> f64 {
    let v = ((b.longitude * RADIANS - a.longitude * RADIANS) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance(a.latitude, b.latitude);
    }
    let (a, b) = (a.latitude * RADIANS, b.latitude * RADIANS);
    let u = ((b - a) / 2.0).sin();
    #[allow(clippy::suboptimal_flops)] // a fused step would be rounded otherwise
    let haversine = u * u + a.cos() * b.cos() * v * v;
    2.0 * EARTH_RADIUS * haversine.sqrt().asin()
}

impl Shape {
    /// The distance of `place` from the centre, if it lies within.
    pub(super) fn distance_within(self, center: Place, place: Place) -> Option<f64> {
        match self {
            Self::Circle { radius } => Some(distance(center, place)).filter(|far| *far <= radius),
            Self::Box { width, height } => {
                if latitude_distance(place.latitude, center.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Place { longitude: center.longitude, ..place };
                (distance(place, beside) <= width / 2.0).then(|| distance(center, place))
            }
        }
    }

    /// The rectangles that cover it, the one of the centre first; `None` where nothing of it can lie.
    pub(super) fn areas(self, center: Place) -> [Option<GeoHash>; 9] {
        let bounds = self.bounds(center);
        let mut step = self.step(center.latitude);
        let mut hash = GeoHash::encode(center, LATITUDES, step);
        let too_small = hash.moved(0, 1).area().latitude.max < bounds.north
            || hash.moved(0, -1).area().latitude.min > bounds.south
            || hash.moved(1, 0).area().longitude.max < bounds.east
            || hash.moved(-1, 0).area().longitude.min > bounds.west;
        if step > 1 && too_small {
            step -= 1;
            hash = GeoHash::encode(center, LATITUDES, step);
        }
        let area = hash.area();
        // Two rectangles in a row already reach around the earth.
        let some = step >= 2;
        let no_south = some && area.latitude.min < bounds.south;
        let no_north = some && area.latitude.max > bounds.north;
        let no_west = some && area.longitude.min < bounds.west;
        let no_east = some && area.longitude.max > bounds.east;
        let side = |x: i8, y: i8| {
            let useless =
                (y < 0 && no_south) || (y > 0 && no_north) || (x < 0 && no_west) || (x > 0 && no_east);
            (!useless).then(|| hash.moved(x, y))
        };
        [
            Some(hash),
            side(0, 1),
            side(0, -1),
            side(1, 0),
            side(-1, 0),
            side(1, 1),
            side(-1, 1),
            side(1, -1),
            side(-1, -1),
        ]
    }

    fn bounds(self, center: Place) -> Bounds {
        let (width, height) = match self {
            Self::Circle { radius } => (radius, radius),
            Self::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let degrees = |radians: f64| radians / RADIANS;
        let up = degrees(height / EARTH_RADIUS);
        let across = |latitude: f64| degrees(width / EARTH_RADIUS / (latitude * RADIANS).cos());
        // Redis takes the side towards the pole in the north, and the one towards the other pole in the south.
        let across =
            if center.latitude < 0.0 { across(center.latitude - up) } else { across(center.latitude + up) };
        Bounds {
            west: center.longitude - across,
            south: center.latitude - up,
            east: center.longitude + across,
            north: center.latitude + up,
        }
    }

    /// How many bits of each coordinate the nine rectangles share.
    fn step(self, latitude: f64) -> u32 {
        let mut range = match self {
            Self::Circle { radius } => radius,
            Self::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        if range == 0.0 {
            return STEP_MAX;
        }
        let mut step = 1;
        while range < MERCATOR_MAX {
            range *= 2.0;
            step += 1;
        }
        // Rectangles are narrow near the poles.
        step -= match latitude.abs() {
            beyond if beyond > 80.0 => 4,
            beyond if beyond > 66.0 => 3,
            _ => 2,
        };
        step.clamp(1, STEP_MAX as i32) as u32
    }
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}
