//! What a frame costs: five nodes with ten minutes of figures, drawn without a GPU.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use eframe::egui::{Context, Pos2, RawInput, Rect, vec2};
use repliscope::app::{App, LabClient};
use repliscope::lab::{Entry, LabCommand};
use repliscope::replication::FullReason;

use crate::story::Story;

/// What a frame may cost in release.
const BUDGET: Duration = Duration::from_millis(4);

fn five_nodes(seconds: f64) -> Story {
    let mut story = Story::new();
    let ports = [7001, 7002, 7003, 7004, 7005];
    story.plan(&ports);
    for port in ports {
        story.up(port);
    }
    for port in &ports[1..] {
        story.full_sync(*port, FullReason::NoHistory, false);
    }
    story.workload_on();
    story.run(seconds);
    story
}

/// A window that has the whole story still before it.
fn app_before(ctx: &Context, story: &Story) -> (App, Sender<Entry>, Receiver<LabCommand>) {
    let (entries, events) = unbounded();
    let (commands, wishes) = bounded(64);
    for entry in &story.entries {
        entries.send(entry.clone()).unwrap();
    }
    (App::new(ctx, LabClient::new(events, commands)), entries, wishes)
}

/// One frame: state, shapes and triangles; CPU only.
fn frame(ctx: &Context, app: &mut App, time: f64) -> Duration {
    let input = RawInput {
        screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1_280.0, 800.0))),
        time: Some(time),
        ..RawInput::default()
    };
    let started = Instant::now();
    let mut output = ctx.run_ui(input, |ui| {
        app.pump(ui);
        app.show(ui);
    });
    let shapes = std::mem::take(&mut output.shapes);
    let triangles = ctx.tessellate(shapes, output.pixels_per_point);
    let took = started.elapsed();
    assert!(!triangles.is_empty());
    output.textures_delta.clear();
    took
}

#[test]
fn a_frame_of_five_nodes_and_ten_minutes_fits_its_budget() {
    let story = five_nodes(600.0);
    let ctx = Context::default();
    let (mut app, entries, _wishes) = app_before(&ctx, &story);
    let mut time = 0.0;
    while !entries.is_empty() {
        time += 0.016;
        frame(&ctx, &mut app, time);
    }
    for _ in 0..30 {
        time += 0.016;
        frame(&ctx, &mut app, time);
    }
    let mut frames: Vec<Duration> = (0..200)
        .map(|_| {
            time += 0.016;
            frame(&ctx, &mut app, time)
        })
        .collect();
    frames.sort();
    let (median, slow) = (frames[100], frames[190]);
    eprintln!(
        "frame of {} entries: median {median:?}, 95 % under {slow:?} ({})",
        story.entries.len(),
        if cfg!(debug_assertions) { "debug" } else { "release" }
    );
    if !cfg!(debug_assertions) {
        assert!(median <= BUDGET, "a frame takes {median:?}");
    }
}

#[test]
fn a_flood_of_entries_is_folded_over_several_frames() {
    let story = five_nodes(1_200.0);
    let ctx = Context::default();
    let (mut app, entries, _wishes) = app_before(&ctx, &story);
    let started = Instant::now();
    app.pump(&ctx);
    let took = started.elapsed();
    eprintln!("one turn of folding: {took:?}, {} entries left", entries.len());
    assert!(!entries.is_empty(), "more than a turn's worth came");
    assert!(took < Duration::from_millis(60), "{took:?}");
    while !entries.is_empty() {
        app.pump(&ctx);
    }
    assert_eq!(app.model().folded, story.entries.len() as u64);
}
