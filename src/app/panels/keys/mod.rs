//! The keys of a node, page by page, and the value of the chosen one; beside a second node, with what differs.
//!
//! It looks by asking the lab and shows what came back; what changes data goes out as a line of the node's console.

mod ask;
mod compare;
mod edit;
mod filter;
mod list;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use eframe::egui::{Button, RichText, Ui, UiBuilder, vec2};

use super::Cx;
use crate::app::actions::Action;
use crate::app::describe::{by_ports, name};
use crate::app::format;
use crate::app::theme::{self, Tokens};
use crate::app::widgets::empty_state;
use crate::lab::browse::Browse;
use crate::lab::model::Life;
use crate::lab::model::keys::Listing;
use crate::lab::{KeyType, LabCommand, NodeId};
use ask::ask_value;
use edit::Editor;
use filter::Filter;
use list::List;
use value::ValueView;

/// Keys that one page asks for.
const PAGE: u32 = 200;
/// Keys of one page where two nodes are compared: all of them are wanted.
const COMPARED_PAGE: u32 = 500;
/// From this width on the value stands beside the list.
const SIDE_BY_SIDE_FROM: f32 = 520.0;

/// From this height on the values of two nodes stand one above the other.
const STACKED_FROM: f32 = 300.0;

/// View state of the browser.
#[derive(Default)]
pub(crate) struct KeysPanel {
    node: Option<NodeId>,
    other: Option<NodeId>,
    filter: Filter,
    /// What each listing was last asked with: another wish asks anew.
    wished: BTreeMap<NodeId, Wish>,
    list: List,
    chosen: Option<Vec<u8>>,
    /// The value that each node was last asked for.
    opened: BTreeMap<NodeId, (u16, Vec<u8>)>,
    /// Nodes that did not answer: they are asked again when they do.
    away: BTreeSet<NodeId>,
    view: ValueView,
    /// Where there is room for one value of two, it is that of the second node.
    second: bool,
    editor: Editor,
}

/// What a listing is of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    db: u16,
    pattern: String,
    kind: Option<KeyType>,
    digests: bool,
    /// Which cluster it is: nodes of another one have the same names.
    cluster: u64,
}

impl KeysPanel {
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(node) = self.node_now(cx) else {
            empty_state(ui, "No node to look into", "Start a cluster to see its keys here");
            return;
        };
        let other = self.other.filter(|other| *other != node && cx.model.nodes.contains_key(other));
        self.head(ui, cx, node, other);
        if cx.live {
            self.ask_listings(cx, node, other);
        }
        let Some(listing) = cx.model.keys.listings.get(&node) else {
            let hint =
                if cx.live { "Asking the node…" } else { "Nobody looked at its keys in this recording" };
            empty_state(ui, "No keys were listed yet", hint);
            return;
        };
        let beside =
            other.and_then(|other| cx.model.keys.listings.get(&other).map(|listing| (other, listing)));
        self.list.follow(node, listing, beside, self.filter.only_differences);
        self.status(ui, cx, node, listing, beside);
        let area = ui.available_rect_before_wrap();
        let wide = area.width() >= SIDE_BY_SIDE_FROM;
        let (mut left, mut right) = (area, area);
        if wide {
            let share = if beside.is_some() { 0.5 } else { 0.46 };
            left.set_width(area.width() * share - theme::TIGHT);
            right.min.x = left.max.x + theme::GAP;
        } else {
            left.set_height(area.height() * 0.45);
            right.min.y = left.max.y + theme::TIGHT;
        }
        ui.scope_builder(UiBuilder::new().max_rect(left).id_salt("keys list"), |ui| {
            ui.set_clip_rect(left.intersect(ui.clip_rect()));
            let chosen = self.list.ui(ui, cx, listing, beside.is_some(), self.chosen.as_deref());
            if let Some(key) = chosen {
                self.choose(key);
            }
            self.more(cx, node, listing);
        });
        ui.scope_builder(UiBuilder::new().max_rect(right).id_salt("keys value"), |ui| {
            ui.set_clip_rect(right.expand(2.0).intersect(ui.clip_rect()));
            self.values(ui, cx, node, beside.map(|(other, _)| other));
        });
    }

    /// The chosen node, or the one that the inspector shows while none is chosen.
    fn node_now(&self, cx: &Cx<'_>) -> Option<NodeId> {
        self.node
            .filter(|node| cx.model.nodes.contains_key(node))
            .or(cx.model.current_master())
            .or_else(|| cx.model.nodes.keys().next().copied())
    }

    fn head(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, node: NodeId, other: Option<NodeId>) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::TIGHT;
            for it in cx.model.nodes.values() {
                let button = ui.add(Button::selectable(it.id == node, it.port.to_string()));
                let button = button.on_hover_text(format!("Keys of {}", it.port));
                if button.accessible_name(format!("Keys of {}", it.port)).clicked() {
                    self.node = Some(it.id);
                }
            }
            let text = other
                .map_or_else(|| "Compare ▾".to_owned(), |other| format!("with {} ▾", name(cx.model, other)));
            let menu = ui.menu_button(text, |ui| {
                if ui.button("Compare with no node").clicked() {
                    self.other = None;
                }
                for it in cx.model.nodes.values().filter(|it| it.id != node) {
                    if ui.button(format!("Compare with {}", it.port)).clicked() {
                        self.other = Some(it.id);
                        self.node = Some(node);
                    }
                }
            });
            menu.response.on_hover_text("Two nodes side by side").accessible_name("Compare keys with");
            if self.filter.ui(ui, cx.live, other.is_some()) {
                self.wished.clear();
            }
            let new = ui.add_enabled(cx.live, Button::new("New key"));
            if new.on_hover_text("Through the console of this node").accessible_name("New key").clicked() {
                self.chosen = None;
                self.editor.begin_new();
            }
        });
    }

    /// How much of what is known, when it is not all.
    fn status(
        &mut self,
        ui: &mut Ui,
        cx: &Cx<'_>,
        node: NodeId,
        listing: &Listing,
        beside: Option<(NodeId, &Listing)>,
    ) {
        let tokens = Tokens::of(ui);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::GAP;
            if let Some((other, second)) = beside {
                let text = self.list.summary(cx, (node, listing), (other, second));
                let colour = if self.list.differing() == 0 { tokens.good } else { tokens.warn };
                ui.label(RichText::new(text.verdict).color(if text.known { colour } else { tokens.dim }));
                ui.label(RichText::new(text.offsets).color(tokens.dim)).on_hover_text(
                    "master_repl_offset of each node while its keys were read\n\
                         A replica that is behind differs in what it has not applied yet",
                );
            } else {
                let text = loaded(listing);
                ui.label(RichText::new(text).color(tokens.dim))
                    .on_hover_text("Keys seen by SCAN, of those that DBSIZE counts in this database");
            }
            for away in [Some(node), beside.map(|(other, _)| other)].into_iter().flatten() {
                if cx.live && self.away.contains(&away) {
                    let text = format!("{} does not answer: as last seen", name(cx.model, away));
                    ui.label(RichText::new(text).color(tokens.warn));
                }
            }
            for (whose, listing) in
                [(node, Some(listing))].into_iter().chain(beside.map(|(it, l)| (it, Some(l))))
            {
                if let Some(why) = listing.and_then(|listing| listing.failed.as_ref()) {
                    let text = format!("{}: {}", name(cx.model, whose), by_ports(cx.model, why));
                    ui.label(RichText::new(text).color(tokens.bad));
                }
            }
        });
    }

    /// Asks for what is wished and was not asked for yet.
    fn ask_listings(&mut self, cx: &mut Cx<'_>, node: NodeId, other: Option<NodeId>) {
        let wish = Wish {
            db: self.filter.db,
            pattern: self.filter.pattern.clone(),
            kind: self.filter.kind.clone(),
            digests: other.is_some(),
            cluster: cx.model.clusters,
        };
        for node in [Some(node), other].into_iter().flatten() {
            let answers = cx.model.nodes.get(&node).is_some_and(|it| matches!(it.life(), Life::Answering));
            let back = answers && self.away.remove(&node);
            if !answers {
                self.away.insert(node);
            }
            if self.wished.get(&node) == Some(&wish) && !back {
                continue;
            }
            self.wished.insert(node, wish.clone());
            self.opened.clear();
            Self::ask_page(cx, node, cx.new_id(), 0, &wish);
        }
    }

    fn ask_page(cx: &mut Cx<'_>, node: NodeId, id: u64, from: u64, wish: &Wish) {
        let what = Browse::Keys {
            from,
            // As it stands: a backslash is one of MATCH's own escapes.
            pattern: wish.pattern.clone().into_bytes(),
            kind: wish.kind.clone(),
            count: if wish.digests { COMPARED_PAGE } else { PAGE },
            digests: wish.digests,
        };
        cx.push(Action::Lab(LabCommand::Browse { id, node, db: wish.db, what }));
    }

    /// The next page, when the end of the list is in sight; where nodes are compared, all of them.
    fn more(&mut self, cx: &mut Cx<'_>, node: NodeId, listing: &Listing) {
        if !cx.live {
            return;
        }
        let near = self.list.near_end();
        let mut wants = vec![(node, listing.id, listing.next, listing.loading, listing.failed.is_some())];
        let comparing = self.wished.get(&node).is_some_and(|wish| wish.digests);
        if let Some((other, second)) = self
            .other
            .filter(|_| comparing)
            .and_then(|other| cx.model.keys.listings.get(&other).map(|second| (other, second)))
        {
            wants.push((other, second.id, second.next, second.loading, second.failed.is_some()));
        }
        for (node, id, next, loading, failed) in wants {
            let Some(from) = next.filter(|_| !loading && !failed && (near || comparing)) else { continue };
            let Some(wish) = self.wished.get(&node).cloned() else { continue };
            Self::ask_page(cx, node, id, from, &wish);
        }
    }

    fn choose(&mut self, key: Vec<u8>) {
        self.chosen = Some(key);
        self.opened.clear();
        self.editor.close();
    }

    /// Keeps one of two nodes, where there is no room for both values.
    fn choose_side(&mut self, ui: &mut Ui, cx: &Cx<'_>, shown: &mut Vec<NodeId>) {
        ui.horizontal(|ui| {
            for (second, node) in shown.iter().enumerate() {
                let port = cx.model.port(*node);
                let button = ui.add(Button::selectable(self.second == (second == 1), format!("On {port}")));
                if button.accessible_name(format!("Value on {port}")).clicked() {
                    self.second = second == 1;
                }
            }
        });
        shown.remove(usize::from(!self.second));
    }

    fn values(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, node: NodeId, other: Option<NodeId>) {
        let db = self.filter.db;
        if self.editor.is_new() {
            if let Some(key) = self.editor.new_ui(ui, cx, node, db) {
                self.choose(key);
            }
            return;
        }
        let Some(key) = self.chosen.clone() else {
            empty_state(ui, "No key chosen", "Choose one on the list to see its value");
            return;
        };
        let mut shown: Vec<NodeId> = [Some(node), other].into_iter().flatten().collect();
        let comparing = shown.len() > 1;
        for it in &shown {
            if cx.live && self.opened.get(it) != Some(&(db, key.clone())) {
                self.opened.insert(*it, (db, key.clone()));
                ask_value(cx, *it, db, &key, None);
            }
        }
        if comparing && ui.available_height() < STACKED_FROM {
            self.choose_side(ui, cx, &mut shown);
        }
        let count = shown.len() as f32;
        let size = vec2(ui.available_width(), (ui.available_height() - theme::TIGHT * (count - 1.0)) / count);
        for it in shown {
            ui.allocate_ui(size, |ui| {
                ui.set_min_size(size);
                ui.push_id(it, |ui| {
                    if let Some(key) = self.view.ui(ui, cx, it, (db, &key), &mut self.editor, comparing) {
                        self.chosen = Some(key);
                        self.opened.clear();
                    }
                });
            });
        }
        if self.editor.took_effect(cx) {
            // What is asked again is asked in the next frame.
            ui.request_repaint();
            self.opened.clear();
            if other.is_some() {
                self.wished.clear();
            }
        }
    }
}

fn loaded(listing: &Listing) -> String {
    let (have, all) = (listing.keys.len() as u64, format::number(listing.dbsize));
    let mut text = format!("{} of {all} loaded", format::number(have));
    if listing.loading {
        text.push_str(", more is on its way");
    } else if listing.full {
        text.push_str(", no more are kept: narrow it by a pattern");
    } else if listing.complete {
        text.push_str(", all that fit");
    }
    text
}
