//! Where the cards stand: masters first, each tier of replicas after the one that it follows.

use std::collections::BTreeMap;

use eframe::egui::{Rect, Vec2, pos2, vec2};

use crate::lab::NodeId;
use crate::lab::model::{LabModel, NodeModel};

/// Size of a node's card.
pub(crate) const CARD: Vec2 = vec2(184.0, 80.0);
/// Least space between tiers: a link and its label need it.
const BETWEEN_TIERS: Vec2 = vec2(150.0, 62.0);
/// Least space between neighbours of a tier.
const BETWEEN_NEIGHBOURS: f32 = 20.0;
/// Space around the picture.
const MARGIN: f32 = 12.0;

/// A picture on a large screen is drawn up to this much larger.
const SCALE_MAX: f32 = 1.7;

/// Cards by node, the size of the whole, and how much larger than usual everything is.
pub(crate) struct Picture {
    pub(crate) cards: BTreeMap<NodeId, Rect>,
    pub(crate) size: Vec2,
    pub(crate) scale: f32,
}

/// Places every node in a picture that fills `available`, or is larger where there is no room.
pub(crate) fn place(model: &LabModel, available: Vec2) -> Picture {
    let tiers = tiers(model);
    let widest = tiers.iter().map(Vec::len).max().unwrap_or(0) as f32;
    let depth = tiers.len() as f32;
    let across = |card: f32| widest * card + (widest - 1.0).max(0.0) * BETWEEN_NEIGHBOURS + 2.0 * MARGIN;
    let along = |card: f32, gap: f32| depth * card + (depth - 1.0).max(0.0) * gap + 2.0 * MARGIN;
    let downwards = vec2(across(CARD.x), along(CARD.y, BETWEEN_TIERS.y));
    let sideways = vec2(along(CARD.x, BETWEEN_TIERS.x), across(CARD.y));

    let lacks = |need: Vec2| (need - available).max(Vec2::ZERO).length();
    let down = lacks(downwards) <= lacks(sideways);
    let needed = if down { downwards } else { sideways };
    let room = available / needed;
    let scale = (room.min_elem() * 0.8).clamp(1.0, SCALE_MAX);
    // Placed at the usual size, then enlarged as a whole.
    let size = (available / scale).max(needed);

    let mut cards = BTreeMap::new();
    for (tier, nodes) in tiers.iter().enumerate() {
        for (index, node) in nodes.iter().enumerate() {
            let neighbour = (index as f32 + 0.5) / nodes.len() as f32;
            let (x, y) = if down {
                (spread(neighbour, size.x, nodes.len(), CARD.x), tier_at(tier, tiers.len(), size.y, CARD.y))
            } else {
                (tier_at(tier, tiers.len(), size.x, CARD.x), spread(neighbour, size.y, nodes.len(), CARD.y))
            };
            let card = Rect::from_center_size(pos2(x, y), CARD);
            cards.insert(*node, Rect::from_min_max(card.min * scale, card.max * scale));
        }
    }
    Picture { cards, size: size * scale, scale }
}

/// Centre of a neighbour: evenly spread, but not farther apart than looks like one group.
fn spread(share: f32, length: f32, count: usize, card: f32) -> f32 {
    let most = count as f32 * (card + 90.0);
    let used = (length - 2.0 * MARGIN).min(most);
    length / 2.0 + (share - 0.5) * used
}

/// Centre of a tier.
fn tier_at(tier: usize, count: usize, length: f32, card: f32) -> f32 {
    if count == 1 {
        return length / 2.0;
    }
    let first = MARGIN + card / 2.0;
    let room = (length - 2.0 * first).min((count - 1) as f32 * (card + 170.0));
    let start = (length - room) / 2.0;
    start + room * tier as f32 / (count - 1) as f32
}

/// Nodes by their distance from a master; a loop or an unknown master counts as the top.
fn tiers(model: &LabModel) -> Vec<Vec<NodeId>> {
    let mut tiers: Vec<Vec<NodeId>> = Vec::new();
    let mut order: Vec<&NodeModel> = model.nodes.values().collect();
    order.sort_by_key(|node| (depth(model, node), node.master_port(), node.id));
    for node in order {
        let depth = depth(model, node);
        while tiers.len() <= depth {
            tiers.push(Vec::new());
        }
        tiers[depth].push(node.id);
    }
    tiers.retain(|tier| !tier.is_empty());
    tiers
}

fn depth(model: &LabModel, node: &NodeModel) -> usize {
    let mut depth = 0;
    let mut at = node;
    while let Some(master) = model.master_of(at) {
        depth += 1;
        at = master;
        if depth > model.nodes.len() {
            return 0;
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::{Entry, Event, NodePlan, Preset};

    fn model(plan: &[(u16, Option<u16>)]) -> LabModel {
        let nodes = plan
            .iter()
            .map(|(id, master)| NodePlan { node: NodeId(*id), port: 7000 + id, master: master.map(NodeId) })
            .collect();
        let mut model = LabModel::default();
        let event = Event::ClusterPlanned { preset: Preset::Star { replicas: 2 }, nodes };
        model.fold(&Entry { seq: 0, at: Duration::ZERO, event });
        model
    }

    #[test]
    fn no_two_cards_touch_and_all_lie_inside_whatever_the_room() {
        let star: Vec<_> = (1..=9).map(|id| (id, (id > 1).then_some(1))).collect();
        let chain: Vec<_> = (1..=5).map(|id| (id, (id > 1).then(|| id - 1))).collect();
        let lone: Vec<_> = vec![(1, None), (2, None)];
        for plan in [star, chain, lone] {
            for room in [vec2(300.0, 150.0), vec2(760.0, 210.0), vec2(760.0, 400.0), vec2(3_000.0, 1_600.0)] {
                let picture = place(&model(&plan), room);
                let cards: Vec<Rect> = picture.cards.values().copied().collect();
                assert_eq!(cards.len(), plan.len());
                for (index, card) in cards.iter().enumerate() {
                    assert!(Rect::from_min_size(pos2(0.0, 0.0), picture.size).contains_rect(*card));
                    for other in &cards[index + 1..] {
                        assert!(!card.expand(4.0).intersects(*other), "{plan:?} in {room:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn three_nodes_fit_a_small_pane_without_scrolling() {
        let room = vec2(760.0, 205.0);
        let picture = place(&model(&[(1, None), (2, Some(1)), (3, Some(1))]), room);
        assert_eq!(picture.size, room);
    }
}
