//! What is drawn of a node's history: only what is in view, and no more points than pixels.

use std::ops::RangeInclusive;

use eframe::egui::Color32;
use egui_plot::{PlotPoint, PlotTransform};

use crate::app::theme::Tokens;
use crate::lab::model::{LabModel, NodeModel, Point};
use crate::lab::{Event, LabCommand, NodeId};
use crate::node::{Fault, FaultKind};

/// A band: for each time the first offset inside and the first one beyond.
#[derive(Default)]
pub(super) struct Band {
    pub(super) at: Vec<f64>,
    pub(super) first: Vec<f64>,
    pub(super) next: Vec<f64>,
}

/// A node at rest is asked this often, in seconds; figures that did not change are not told.
const AT_REST: f64 = 0.5;

/// Points of `history` within `shown` and one on either side, thinned to about `max`. Where nothing was told for a
/// while nothing had changed: the line goes on level until shortly before the next point.
fn visible<'a>(
    history: &'a [Point],
    shown: &RangeInclusive<f64>,
    max: usize,
) -> impl Iterator<Item = Point> + use<'a> {
    let from = history.partition_point(|point| point.at < *shown.start()).saturating_sub(1);
    let to = (history.partition_point(|point| point.at <= *shown.end()) + 1).min(history.len());
    let stride = ((to - from) / max.max(1)).max(1);
    // A level that is shorter than what one point stands for would not be seen.
    let gap = (1.2 * AT_REST).max((shown.end() - shown.start()) / max.max(1) as f64);
    // Chosen by position and not by distance from the edge: a point that is drawn stays drawn while the view moves.
    (from..to)
        .filter(move |&index| {
            index % stride == 0 || index == from || index + 1 == to || history[index].first_of_run
        })
        .flat_map(move |index| {
            let point = history[index];
            let before = index.checked_sub(1).map(|index| history[index]).filter(|_| !point.first_of_run);
            let level = before.filter(|before| point.at - before.at > gap).map(|before| Point {
                at: point.at - AT_REST,
                first_of_run: false,
                ..before
            });
            level.into_iter().chain([point])
        })
}

/// Offsets of a node as lines: a new one after each restart.
pub(super) fn runs(
    node: &NodeModel,
    shown: &RangeInclusive<f64>,
    now: f64,
    max: usize,
) -> Vec<Vec<PlotPoint>> {
    let mut runs: Vec<Vec<PlotPoint>> = Vec::new();
    for point in visible(node.history.points(), shown, max) {
        if point.first_of_run || runs.is_empty() {
            runs.push(Vec::new());
        }
        if let Some(run) = runs.last_mut() {
            let point = PlotPoint::new(point.at, point.offset as f64);
            match run.last_mut().filter(|last| last.x < *shown.start()) {
                // The line enters the view at its edge, however long ago its last point was.
                Some(last) if point.x > *shown.start() => {
                    let share = (shown.start() - last.x) / (point.x - last.x);
                    *last = PlotPoint::new(*shown.start(), last.y + (point.y - last.y) * share);
                    run.push(point);
                }
                Some(last) => *last = point,
                None => run.push(point),
            }
        }
    }
    // Figures come only when something changes: until now it was the same.
    if node.is_running()
        && let Some(run) = runs.last_mut()
        && let Some(last) = run.last().copied().filter(|last| last.x < now)
    {
        let end = now.min(*shown.end());
        if last.x < *shown.start() {
            run.clear();
            run.push(PlotPoint::new(*shown.start(), last.y));
        }
        run.push(PlotPoint::new(end, last.y));
    }
    runs
}

/// Length of a line on screen, in pixels.
pub(super) fn length(run: &[PlotPoint], transform: &PlotTransform) -> f64 {
    let scale = (transform.dpos_dvalue_x().abs(), transform.dpos_dvalue_y().abs());
    run.windows(2)
        .map(|pair| (pair[1].x - pair[0].x).abs() * scale.0 + (pair[1].y - pair[0].y).abs() * scale.1)
        .sum()
}

/// What the backlog of a node held.
pub(super) fn band(node: &NodeModel, shown: &RangeInclusive<f64>, now: f64, max: usize) -> Band {
    let mut band = Band::default();
    for point in visible(node.history.points(), shown, max).filter(|point| point.backlog_len > 0) {
        band.at.push(point.at);
        band.first.push(point.backlog_first as f64);
        band.next.push((point.backlog_first + point.backlog_len) as f64);
    }
    if let (true, Some(first), Some(next)) =
        (node.is_running(), band.first.last().copied(), band.next.last().copied())
    {
        band.at.push(now);
        band.first.push(first);
        band.next.push(next);
    }
    band
}

/// Lowest and highest value in view, with a margin: above it has room for `rows` of text.
pub(super) fn value_range(
    model: &LabModel,
    master: Option<NodeId>,
    shown: &RangeInclusive<f64>,
    rows: usize,
) -> RangeInclusive<f64> {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for node in model.nodes.values() {
        let points = node.history.points();
        let from = points.partition_point(|point| point.at < *shown.start()).saturating_sub(1);
        let to = points.partition_point(|point| point.at <= *shown.end());
        for point in &points[from.min(to)..to] {
            low = low.min(point.offset as f64);
            high = high.max(point.offset as f64);
            if Some(node.id) == master && point.backlog_len > 0 {
                low = low.min(point.backlog_first as f64);
                high = high.max((point.backlog_first + point.backlog_len) as f64);
            }
        }
    }
    if low > high {
        return 0.0..=1.0;
    }
    let margin = ((high - low) * 0.06).max(16.0);
    let below = if low < margin { 0.2 * margin } else { margin };
    low - below..=high + (1.6 + 1.2 * rows as f64) * margin
}

/// A moment at which the cluster was broken or changed.
pub(super) struct Turn {
    pub(super) at: f64,
    pub(super) colour: Color32,
    pub(super) text: String,
    /// Row of the text: those that would overlap take turns.
    pub(super) row: usize,
    /// There is no room for the text between it and the present.
    pub(super) at_edge: bool,
}

/// Turning points in view, oldest first; those too near to be told apart share one text.
pub(super) fn turning_points(model: &LabModel, tokens: &Tokens, shown: &RangeInclusive<f64>) -> Vec<Turn> {
    /// Older entries are no longer looked at.
    const LOOKED_AT: usize = 2_000;
    const SHOWN: usize = 24;
    let near = (shown.end() - shown.start()) * 0.02;
    let mut turns: Vec<Turn> = Vec::new();
    for entry in model.timeline.iter().rev().take(LOOKED_AT) {
        let at = entry.at.as_secs_f64();
        if turns.len() >= SHOWN || at < *shown.start() {
            break;
        }
        let Event::Asked(command) = &entry.event else { continue };
        let (verb, node, colour) = match command {
            LabCommand::Kill(node) => ("kill", node, tokens.bad),
            LabCommand::Stop(node) => ("stop", node, tokens.bad),
            LabCommand::Start(node) => ("start", node, tokens.good),
            LabCommand::BeginFault { node, fault: Fault::Cut, .. } => ("cut", node, tokens.bad),
            LabCommand::HealFault { node, kind: FaultKind::Cut } => ("heal", node, tokens.good),
            LabCommand::Freeze(node) => ("freeze", node, tokens.ice),
            LabCommand::Thaw(node) => ("thaw", node, tokens.good),
            LabCommand::Promote(node) => ("promote", node, tokens.accent),
            _ => continue,
        };
        let text = format!("{verb} {}", model.port(*node));
        match turns.last_mut() {
            Some(later) if later.at - at < near => {
                later.at = at;
                later.text = format!("{text}, {}", later.text);
            }
            _ => turns.push(Turn { at, colour, text, row: 0, at_edge: false }),
        }
    }
    turns.reverse();
    let wide = (shown.end() - shown.start()) * 0.2;
    for turn in &mut turns {
        turn.at_edge = shown.end() - turn.at < wide;
    }
    for index in 1..turns.len() {
        if turns[index].at - turns[index - 1].at < wide {
            turns[index].row = (turns[index - 1].row + 1) % 3;
        }
    }
    turns
}

/// Where lines end, with the names of all that end there.
pub(super) fn ends(model: &LabModel, shown: &RangeInclusive<f64>, now: f64) -> Vec<(PlotPoint, String)> {
    let mut ends: Vec<(PlotPoint, String)> = Vec::new();
    let values = value_range(model, None, shown, 0);
    let near = (values.end() - values.start()) * 0.06;
    for node in model.nodes.values() {
        let points = node.history.points();
        let to = points.partition_point(|point| point.at <= *shown.end());
        let Some(last) =
            to.checked_sub(1).map(|index| points[index]).filter(|last| last.at >= *shown.start())
        else {
            continue;
        };
        let x = if node.is_running() { now.min(*shown.end()) } else { last.at };
        let end = PlotPoint::new(x, last.offset as f64);
        let wide = (shown.end() - shown.start()) * 0.22;
        match ends.iter_mut().find(|(at, _)| (at.y - end.y).abs() < near && (at.x - end.x).abs() < wide) {
            Some((_, names)) => {
                names.push_str(", ");
                names.push_str(&node.port.to_string());
            }
            None => ends.push((end, node.port.to_string())),
        }
    }
    for (_, names) in &mut ends {
        names.push(' ');
    }
    ends
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::{Entry, Event, NodePlan, NodeSample, Preset};

    fn model(points: &[(u64, u64)]) -> LabModel {
        let mut model = LabModel::default();
        let nodes = vec![NodePlan { node: NodeId(1), port: 7001, master: None }];
        let planned = Event::ClusterPlanned { preset: Preset::Single, nodes };
        model.fold(&Entry { seq: 0, at: Duration::ZERO, event: planned });
        model.fold(&Entry { seq: 1, at: Duration::ZERO, event: Event::Answering { node: NodeId(1) } });
        for (seconds, offset) in points {
            let sample = Box::new(NodeSample { offset: *offset, ..NodeSample::default() });
            let event = Event::Sample { node: NodeId(1), sample };
            model.fold(&Entry { seq: 2, at: Duration::from_secs(*seconds), event });
        }
        model
    }

    fn line(points: &[(u64, u64)], shown: RangeInclusive<f64>, now: f64, max: usize) -> Vec<[f64; 2]> {
        let runs = runs(&model(points).nodes[&NodeId(1)], &shown, now, max);
        assert_eq!(runs.len(), 1);
        runs[0].iter().map(|point| [point.x, point.y]).collect()
    }

    #[test]
    fn a_line_is_level_while_nothing_was_told_from_the_edge_of_the_view_until_now() {
        let points = [(0, 0), (1_000, 500), (1_010, 700)];
        assert_eq!(
            line(&points, 900.0..=1_020.0, 1_015.0, 100),
            [
                [900.0, 0.0],
                [999.5, 0.0],
                [1_000.0, 500.0],
                [1_009.5, 500.0],
                [1_010.0, 700.0],
                [1_015.0, 700.0]
            ]
        );
        assert_eq!(line(&points, 5_000.0..=5_060.0, 5_060.0, 100), [[5_000.0, 700.0], [5_060.0, 700.0]]);
    }

    #[test]
    fn a_line_has_no_more_points_than_asked_and_keeps_its_ends() {
        let points: Vec<(u64, u64)> = (0..5_000).map(|second| (second, second * 3)).collect();
        let drawn = line(&points, 0.0..=4_999.0, 4_999.0, 100);
        assert!(drawn.len() <= 104, "{}", drawn.len());
        assert_eq!((drawn[0], drawn[drawn.len() - 1]), ([0.0, 0.0], [4_999.0, 14_997.0]));
    }

    #[test]
    fn a_cut_and_its_end_are_marked_as_turning_points() {
        let (mut model, node) = (model(&[(0, 0)]), NodeId(1));
        let begin = |fault| LabCommand::BeginFault { node, fault, lasts: None };
        let heal = |kind| LabCommand::HealFault { node, kind };
        for (seconds, command) in [
            (10, begin(Fault::Cut)),
            (20, begin(Fault::BlackHole)),
            (30, heal(FaultKind::BlackHole)),
            (40, heal(FaultKind::Cut)),
        ] {
            model.fold(&Entry { seq: 2, at: Duration::from_secs(seconds), event: Event::Asked(command) });
        }
        let tokens = Tokens::of_visuals(&eframe::egui::Visuals::dark());
        let turns = turning_points(&model, tokens, &(0.0..=60.0));
        let marks: Vec<_> = turns.iter().map(|turn| (turn.at, turn.text.as_str())).collect();
        assert_eq!(marks, [(10.0, "cut 7001"), (40.0, "heal 7001")]);
    }
}
