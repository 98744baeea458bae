//! The app's icon, drawn by numbers: the same sign as on the empty window.
//!
//! `cargo test -p repliscope-ui-tests icon -- --ignored` writes it anew.

use std::path::PathBuf;

use image::{Rgba, RgbaImage};

const SIZE: u32 = 256;
/// Samples per pixel and axis.
const FINE: u32 = 4;

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/icon.png"))
}

/// Colour at a point of the unit square from -1 to 1; `None` is transparent.
fn colour(x: f64, y: f64) -> Option<[f64; 3]> {
    const GROUND: [f64; 3] = [23.0, 27.0, 34.0];
    const RING: [f64; 3] = [82.0, 96.0, 117.0];
    const LINE: [f64; 3] = [157.0, 169.0, 185.0];
    const DOT: [f64; 3] = [76.0, 208.0, 143.0];
    const MASTER: [f64; 3] = [108.0, 178.0, 255.0];
    const REPLICAS: [[f64; 3]; 2] = [[245.0, 176.0, 65.0], [91.0, 209.0, 165.0]];
    let master = (0.0, -0.40);
    let replicas = [(-0.44, 0.36), (0.44, 0.36)];
    let from = |(cx, cy): (f64, f64)| (x - cx).hypot(y - cy);

    // A square with round corners.
    let corner = 0.45;
    let outside = ((x.abs() - (1.0 - corner)).max(0.0)).hypot((y.abs() - (1.0 - corner)).max(0.0));
    if outside > corner {
        return None;
    }
    if from(master) < 0.24 {
        return Some(MASTER);
    }
    for (place, paint) in replicas.iter().zip(REPLICAS) {
        if from(*place) < 0.19 {
            return Some(paint);
        }
        let (dx, dy) = (place.0 - master.0, place.1 - master.1);
        if from((master.0 + dx * 0.56, master.1 + dy * 0.56)) < 0.085 {
            return Some(DOT);
        }
        let along = (((x - master.0) * dx + (y - master.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        if from((master.0 + dx * along, master.1 + dy * along)) < 0.038 {
            return Some(LINE);
        }
    }
    let radius = x.hypot(y);
    let tick = (0.70..0.84).contains(&radius) && x.abs().min(y.abs()) < 0.028;
    if (0.81..0.87).contains(&radius) || tick {
        return Some(RING);
    }
    Some(GROUND)
}

fn drawn() -> RgbaImage {
    RgbaImage::from_fn(SIZE, SIZE, |px, py| {
        let (mut sum, mut hit) = ([0.0; 3], 0.0);
        for step in 0..FINE * FINE {
            let at = |pixel: u32, part: u32| {
                (f64::from(pixel) + (f64::from(part) + 0.5) / f64::from(FINE)) / f64::from(SIZE) * 2.0 - 1.0
            };
            if let Some(paint) = colour(at(px, step % FINE), at(py, step / FINE)) {
                hit += 1.0;
                for (total, part) in sum.iter_mut().zip(paint) {
                    *total += part;
                }
            }
        }
        let mean = |total: f64| (total / f64::max(hit, 1.0)).round() as u8;
        let alpha = (hit / f64::from(FINE * FINE) * 255.0).round() as u8;
        Rgba([mean(sum[0]), mean(sum[1]), mean(sum[2]), alpha])
    })
}

#[test]
fn the_icon_is_the_one_that_is_drawn_here() {
    let stored = image::open(path()).unwrap().to_rgba8();
    let drawn = drawn();
    assert_eq!(stored.dimensions(), drawn.dimensions());
    let differs = stored
        .pixels()
        .zip(drawn.pixels())
        .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 2));
    assert_eq!(differs.count(), 0);
}

#[test]
#[ignore = "writes the icon"]
fn write() {
    drawn().save(path()).unwrap();
}
