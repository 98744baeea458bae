//! The panes and where they stand.

use eframe::egui::{Id, Key};
use egui_tiles::{Container, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

/// One pane. The names are stored with the layout: add, but do not rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Pane {
    /// Nodes and links as a picture.
    Topology,
    /// The selected node.
    Node,
    /// Offsets over time and the backlog.
    Offsets,
    /// Every sync, phase by phase.
    Syncs,
    /// The keys of nodes.
    Keys,
    /// Commands to nodes.
    Console,
    /// The load on the cluster.
    Workload,
    /// The journal.
    Timeline,
}

impl Pane {
    /// All panes, in the order of the View menu.
    pub(crate) const ALL: [Self; 8] = [
        Self::Topology,
        Self::Node,
        Self::Offsets,
        Self::Syncs,
        Self::Console,
        Self::Workload,
        Self::Timeline,
        Self::Keys,
    ];

    /// What stands on its tab.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Topology => "Topology",
            Self::Node => "Node",
            Self::Offsets => "Offsets",
            Self::Syncs => "Syncs",
            Self::Keys => "Keys",
            Self::Console => "Console",
            Self::Workload => "Workload",
            Self::Timeline => "Timeline",
        }
    }

    /// With Ctrl (or Cmd) it brings the pane to the front.
    pub(crate) fn key(self) -> Key {
        match self {
            Self::Topology => Key::Num1,
            Self::Node => Key::Num2,
            Self::Offsets => Key::Num3,
            Self::Syncs => Key::Num4,
            Self::Console => Key::Num5,
            Self::Workload => Key::Num6,
            Self::Timeline => Key::Num7,
            Self::Keys => Key::Num8,
        }
    }
}

/// A window narrower than this starts with one column.
const TWO_COLUMNS_FROM: f32 = 1_000.0;

/// The panes as they stand at first, for a window of this width.
pub(crate) fn default_tree(width: f32) -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let root = if width >= TWO_COLUMNS_FROM {
        let topology = tabs(&mut tiles, &[Pane::Topology, Pane::Keys]);
        let graphs = tabs(&mut tiles, &[Pane::Offsets, Pane::Syncs]);
        let left = split(&mut tiles, false, &[(topology, 1.0), (graphs, 1.0)]);
        let node = tabs(&mut tiles, &[Pane::Node, Pane::Workload]);
        let talk = tabs(&mut tiles, &[Pane::Console, Pane::Timeline]);
        let right = split(&mut tiles, false, &[(node, 1.0), (talk, 1.0)]);
        split(&mut tiles, true, &[(left, 1.5), (right, 1.0)])
    } else {
        let top = tabs(&mut tiles, &[Pane::Topology, Pane::Node, Pane::Keys, Pane::Workload]);
        let bottom = tabs(&mut tiles, &[Pane::Offsets, Pane::Syncs, Pane::Console, Pane::Timeline]);
        split(&mut tiles, false, &[(top, 1.0), (bottom, 1.0)])
    };
    Tree::new(Id::unique("panes"), root, tiles)
}

/// Whether a stored layout holds something to show.
pub(crate) fn is_usable(tree: &Tree<Pane>) -> bool {
    tree.root().is_some() && Pane::ALL.iter().any(|pane| tree.tiles.find_pane(pane).is_some())
}

/// Brings a pane to the front of its tabs, adding it where it was closed.
pub(crate) fn show(tree: &mut Tree<Pane>, pane: Pane) {
    if tree.tiles.find_pane(&pane).is_none() {
        let added = tree.tiles.insert_pane(pane);
        let place = widest_tabs(tree);
        match (place, tree.root()) {
            (Some(place), _) => {
                tree.move_tile_to_container(added, place, usize::MAX, false);
            }
            (None, _) => tree.root = Some(added),
        }
    }
    tree.make_active(|_, tile| matches!(tile, Tile::Pane(found) if *found == pane));
}

/// Closes a pane that is open; opens one that is closed.
pub(crate) fn toggle(tree: &mut Tree<Pane>, pane: Pane) {
    match tree.tiles.find_pane(&pane) {
        Some(tile) => {
            tree.remove_recursively(tile);
        }
        None => show(tree, pane),
    }
}

fn widest_tabs(tree: &Tree<Pane>) -> Option<TileId> {
    let mut tabs: Vec<TileId> = tree
        .tiles
        .iter()
        .filter(|(_, tile)| matches!(tile, Tile::Container(Container::Tabs(_))))
        .map(|(id, _)| *id)
        .collect();
    tabs.sort_by_key(|id| id.0);
    tabs.into_iter().max_by_key(|id| tree.tiles.rect(*id).map_or(0, |rect| rect.area() as u64))
}

fn tabs(tiles: &mut Tiles<Pane>, panes: &[Pane]) -> TileId {
    let children: Vec<TileId> = panes.iter().map(|pane| tiles.insert_pane(*pane)).collect();
    tiles.insert_tab_tile(children)
}

fn split(tiles: &mut Tiles<Pane>, side_by_side: bool, parts: &[(TileId, f32)]) -> TileId {
    let children: Vec<TileId> = parts.iter().map(|(id, _)| *id).collect();
    let id = if side_by_side {
        tiles.insert_horizontal_tile(children)
    } else {
        tiles.insert_vertical_tile(children)
    };
    if let Some(Tile::Container(Container::Linear(linear))) = tiles.get_mut(id) {
        for (child, share) in parts {
            linear.shares.set_share(*child, *share);
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_hold_every_pane_once() {
        for width in [800.0, 1_280.0] {
            let tree = default_tree(width);
            for pane in Pane::ALL {
                let found =
                    tree.tiles.tiles().filter(|tile| matches!(tile, Tile::Pane(p) if *p == pane)).count();
                assert_eq!(found, 1, "{pane:?} at {width}");
            }
        }
    }

    #[test]
    fn a_closed_pane_comes_back() {
        let mut tree = default_tree(1_280.0);
        for pane in Pane::ALL {
            toggle(&mut tree, pane);
            assert!(tree.tiles.find_pane(&pane).is_none());
        }
        for pane in Pane::ALL {
            show(&mut tree, pane);
            assert!(tree.tiles.find_pane(&pane).is_some());
        }
        assert!(is_usable(&tree));
    }

    #[test]
    fn a_layout_survives_being_stored() {
        let tree = default_tree(1_280.0);
        let stored = serde_json::to_string(&tree).expect("a layout can be written");
        let read: Tree<Pane> = serde_json::from_str(&stored).expect("and read");
        assert_eq!(read, tree);
    }
}
