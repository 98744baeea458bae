//! Faults: on the graphs and in the timeline for as long as they last.

use std::time::Duration;

use egui_kittest::kittest::Queryable;
use repliscope::lab::FaultEnd;
use repliscope::node::{Fault, FaultKind, Way};

use crate::bench::Bench;
use crate::story::{Story, streaming};

const LATENCY: Fault = Fault::Latency {
    way: Way::Both,
    delay: Duration::from_millis(200),
    jitter: Duration::from_millis(50),
    seed: 1,
};

/// Faults that are over, and three that last: two on a link, one of a disk.
pub(crate) fn tale() -> Story {
    let mut story = streaming(14.0);
    story.fault(7003, Fault::Bandwidth { way: Way::ToReplica, bytes_per_second: 16_384 }, Some(20));
    story.run(6.0);
    story.fault(7002, Fault::Reset { every: Duration::from_secs(2) }, None);
    story.fault_ended(7002, FaultKind::Reset, FaultEnd::Expired);
    story.run(5.0);
    story.fault(7001, Fault::FullDisk, Some(60));
    story.run(3.0);
    story.fault(7002, LATENCY, Some(30));
    story.run(6.0);
    story.fault_ended(7003, FaultKind::Bandwidth, FaultEnd::Expired);
    story.fault(7002, Fault::Chunks { way: Way::Both }, None);
    story.fault(7003, Fault::OneWayCut { way: Way::ToMaster }, Some(30));
    story.run(4.0);
    story
}

#[test]
fn faults_are_bands_on_the_graph_for_the_time_they_lasted() {
    let mut bench = Bench::after(&tale());
    let rect = |bench: &Bench, what: &str| bench.window.get_by_label_contains(what).rect();
    let narrow = rect(&bench, "Band: Bandwidth limit of 16 KiB/s to the replica on the link of 7003");
    let full = rect(&bench, "Band: Full disk of 7001");
    let reset = rect(&bench, "Band: One reset on the link of 7002");
    assert!(narrow.left() < reset.left() && reset.left() < full.left());
    assert!(narrow.right() < full.right(), "one is over and the other lasts");
    assert!(reset.width() < 8.0 && reset.width() >= 4.0, "{reset:?}");
    assert!(!narrow.intersects(full), "they were there at the same time: one stands above the other");
    bench.window.get_by_label_contains("(20.00 s), its time was over");
    bench.click("Workload");
    assert!(bench.window.query_all_by_label_contains("Band: Full disk of 7001").count() >= 1);
}

#[test]
fn the_timeline_tells_begin_and_end() {
    let mut bench = Bench::after(&tale());
    bench.click("Timeline");
    bench.window.get_by_label_contains("Fault begins: latency of 200 ms + up to 50 ms, for 30.00 s");
    bench.window.get_by_label_contains("Fault ends: bandwidth limit, its time was over");
}
