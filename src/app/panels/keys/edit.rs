//! Changes to a key: small forms that make one line for the console of its node, and the answer said in place.

use eframe::egui::{Button, ComboBox, Key, RichText, TextEdit, Ui, vec2};

use crate::app::actions::Action;
use crate::app::describe::reply;
use crate::app::panels::Cx;
use crate::app::theme::{self, Tokens};
use crate::lab::browse::Cell;
use crate::lab::model::keys::OpenValue;
use crate::lab::{EditKind, KeyEdit, KeyType, LabCommand, NodeId, ReplyValue, escape, unescape};

/// Which form is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// The whole of a string.
    Value,
    /// A new element.
    Add,
    /// Another value for the chosen element.
    Element,
    Rename,
    Expire,
    /// A key that is not there yet.
    New,
}

/// An open form and the last change that was asked for.
#[derive(Default)]
pub(super) struct Editor {
    task: Option<Task>,
    node: Option<NodeId>,
    /// The fields of the form, written with escapes.
    fields: [String; 3],
    kind: usize,
    wants_focus: bool,
    problem: Option<String>,
    sent: Option<Sent>,
}

struct Sent {
    id: u64,
    node: NodeId,
    /// The answer was taken notice of.
    seen: bool,
    /// The key has this name afterwards.
    renamed: Option<Vec<u8>>,
}

/// Types that a new key can have, each with what it begins with.
const KINDS: [(KeyType, &str, &str); 6] = [
    (KeyType::String, "SET", "value"),
    (KeyType::List, "RPUSH", "element"),
    (KeyType::Set, "SADD", "member"),
    (KeyType::SortedSet, "ZADD", "score and member"),
    (KeyType::Hash, "HSET", "field and value"),
    (KeyType::Stream, "XADD", "field and value"),
];

impl Editor {
    pub(super) fn close(&mut self) {
        self.task = None;
        self.problem = None;
    }

    pub(super) fn begin_new(&mut self) {
        self.begin(None, Task::New, [String::new(), String::new(), String::new()]);
    }

    pub(super) fn is_new(&self) -> bool {
        self.task == Some(Task::New)
    }

    fn begin(&mut self, node: Option<NodeId>, task: Task, fields: [String; 3]) {
        (self.task, self.node, self.fields) = (Some(task), node, fields);
        self.wants_focus = true;
        self.problem = None;
        self.sent = None;
    }

    /// Whether the last change was answered and not taken notice of: what is shown is to be read again.
    pub(super) fn took_effect(&mut self, cx: &Cx<'_>) -> bool {
        let Some(sent) = &mut self.sent else { return false };
        let fresh = !sent.seen && answer(cx, sent).is_some();
        sent.seen |= fresh;
        fresh
    }

    /// Buttons, the open form and the last answer; the new name when a rename succeeded.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        node: NodeId,
        value: &OpenValue,
        element: Option<usize>,
    ) -> Option<Vec<u8>> {
        let kind = value.seen.as_ref().map(|seen| seen.info.kind.clone()).unwrap_or_default();
        self.buttons(ui, cx, node, value, &kind, element);
        if self.node == Some(node) && !self.is_new() {
            self.form(ui, cx, node, value, &kind, element);
        }
        self.outcome(ui, cx, node)
    }

    fn buttons(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        node: NodeId,
        value: &OpenValue,
        kind: &KeyType,
        element: Option<usize>,
    ) {
        let port = cx.model.port(node);
        let row = element.and_then(|at| value.rows.get(at));
        ui.add_enabled_ui(cx.live, |ui| {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = vec2(theme::TIGHT, 2.0);
                ui.spacing_mut().interact_size.y = 20.0;
                let button = |ui: &mut Ui, word: &str, enabled: bool, tip: &str| {
                    let button = ui.add_enabled(enabled, Button::new(word).small());
                    button.on_hover_text(tip).accessible_name(format!("{word} on {port}")).clicked()
                };
                if *kind == KeyType::String {
                    let whole = value.next.is_none();
                    if button(ui, "Set value", whole, "SET … KEEPTTL; only a value that is loaded whole") {
                        let bytes: Vec<u8> =
                            value.rows.iter().flatten().flat_map(|cell| cell.bytes.iter().copied()).collect();
                        self.begin(Some(node), Task::Value, [escape(&bytes), String::new(), String::new()]);
                    }
                } else if button(ui, "Add", true, "Adds an element") {
                    self.begin(Some(node), Task::Add, Default::default());
                }
                if matches!(kind, KeyType::List | KeyType::Hash | KeyType::SortedSet) {
                    let tip = "Changes the chosen element";
                    let whole = row.is_some_and(|row| row.iter().all(Cell::is_whole));
                    if button(ui, "Change", whole, tip) {
                        let row = row.map(Vec::as_slice).unwrap_or_default();
                        let last = row.last().map(|cell| escape(&cell.bytes)).unwrap_or_default();
                        self.begin(Some(node), Task::Element, [last, String::new(), String::new()]);
                    }
                }
                if *kind != KeyType::String {
                    let name = row.and_then(|row| row.first()).filter(|cell| cell.is_whole());
                    let tip = match kind {
                        KeyType::List => "Removes the first element that equals the chosen one",
                        _ => "Removes the chosen element",
                    };
                    if button(ui, "Remove", name.is_some(), tip)
                        && let Some(cell) = name
                    {
                        let name = cell.bytes.clone();
                        let removal = match kind {
                            KeyType::List => EditKind::RemoveElement(name),
                            KeyType::Set => EditKind::RemoveMember(name),
                            KeyType::SortedSet => EditKind::RemoveScored(name),
                            KeyType::Stream => EditKind::RemoveEntry(name),
                            KeyType::Hash | KeyType::String | KeyType::Other(_) => {
                                EditKind::RemoveField(name)
                            }
                        };
                        self.send(cx, node, value.db, &value.key, removal);
                    }
                }
                if button(ui, "Rename", true, "RENAMENX: never replaces another key") {
                    self.begin(Some(node), Task::Rename, [escape(&value.key), String::new(), String::new()]);
                }
                if button(ui, "Expire", true, "EXPIRE: seconds to live") {
                    self.begin(Some(node), Task::Expire, Default::default());
                }
                let expires = value.seen.as_ref().is_some_and(|seen| seen.deadline.is_some());
                if button(ui, "Persist", expires, "PERSIST: it never expires") {
                    self.send(cx, node, value.db, &value.key, EditKind::Persist);
                }
                if button(ui, "Delete", true, "DEL, after a question") {
                    self.send(cx, node, value.db, &value.key, EditKind::Delete);
                }
            });
        });
    }

    fn form(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        node: NodeId,
        value: &OpenValue,
        kind: &KeyType,
        element: Option<usize>,
    ) {
        let Some(task) = self.task else { return };
        let hints: &[&str] = match (task, kind) {
            (Task::Add, KeyType::Hash | KeyType::Stream) => &["Field", "Value"],
            (Task::Add, KeyType::SortedSet) => &["Score", "Member"],
            (Task::Add, _) => &["Element"],
            (Task::Element, KeyType::SortedSet) => &["New score"],
            (Task::Rename, _) => &["New name"],
            (Task::Expire, _) => &["Seconds"],
            _ => &["New value"],
        };
        match self.fields_ui(ui, hints) {
            None => {}
            Some(false) => self.close(),
            Some(true) => {
                let Some(fields) = self.read_fields(hints.len()) else { return };
                let row = element.and_then(|at| Some((at, value.rows.get(at)?)));
                match change(task, kind, fields, row) {
                    Some(change) => {
                        self.close();
                        self.send(cx, node, value.db, &value.key, change);
                    }
                    None => self.problem = Some("Choose an element first".to_owned()),
                }
            }
        }
    }

    /// The form for a key that is not there yet; its name once it was made.
    pub(super) fn new_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, node: NodeId, db: u16) -> Option<Vec<u8>> {
        let (kind, command, what) = &KINDS[self.kind];
        ui.label(format!("A new key on {}", cx.model.port(node)));
        let shown = ComboBox::from_id_salt("kind of new key").selected_text(kind.word()).show_ui(ui, |ui| {
            for (index, (kind, _, _)) in KINDS.iter().enumerate() {
                ui.selectable_value(&mut self.kind, index, kind.word());
            }
        });
        shown.response.accessible_name("Type of new key");
        ui.weak(format!("{command} with {what}"));
        let hints: &[&str] = match kind {
            KeyType::Hash | KeyType::Stream => &["Name", "Field", "Value"],
            KeyType::SortedSet => &["Name", "Score", "Member"],
            _ => &["Name", "Value"],
        };
        match self.fields_ui(ui, hints) {
            None => None,
            Some(false) => {
                self.close();
                None
            }
            Some(true) => {
                let mut fields = self.read_fields(hints.len())?;
                let key = fields.remove(0);
                let task = if *kind == KeyType::String { Task::New } else { Task::Add };
                let change = change(task, kind, fields, None)?;
                self.close();
                self.send(cx, node, db, &key, change);
                Some(key)
            }
        }
    }

    /// Fields with their buttons: `true` for go, `false` for cancel.
    fn fields_ui(&mut self, ui: &mut Ui, hints: &[&str]) -> Option<bool> {
        let mut decided = None;
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::TIGHT;
            for (field, hint) in self.fields.iter_mut().zip(hints) {
                let wide = if hints.len() == 1 { 260.0 } else { 130.0 };
                let edit = TextEdit::singleline(field).hint_text(*hint).desired_width(wide);
                let shown = ui.add(edit).accessible_name(*hint);
                if std::mem::take(&mut self.wants_focus) {
                    shown.request_focus();
                }
                if shown.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                    decided = Some(true);
                }
            }
            if ui.button("Apply").on_hover_text("Sent as a line of the console").clicked() {
                decided = Some(true);
            }
            if ui.button("Cancel").clicked() || ui.input(|input| input.key_pressed(Key::Escape)) {
                decided = Some(false);
            }
        });
        let tokens = Tokens::of(ui);
        if let Some(problem) = &self.problem {
            ui.label(RichText::new(problem).color(tokens.bad));
        } else if self.fields.iter().any(|field| field.contains('\\')) {
            ui.weak("Backslashes begin escapes: \\n, \\xff, \\\\");
        }
        decided
    }

    fn read_fields(&mut self, count: usize) -> Option<Vec<Vec<u8>>> {
        // A quote means itself here: the field has no quotes around it.
        let read = |field: &String| unescape(field).or_else(|| unescape(&field.replace('"', "\\\"")));
        let fields: Option<Vec<_>> = self.fields.iter().take(count).map(read).collect();
        self.problem =
            fields.is_none().then(|| "A backslash at the end escapes nothing: write two".to_owned());
        fields
    }

    fn send(&mut self, cx: &mut Cx<'_>, node: NodeId, db: u16, key: &[u8], kind: EditKind) {
        let id = cx.new_id();
        let renamed = if let EditKind::Rename(name) = &kind { Some(name.clone()) } else { None };
        self.sent = Some(Sent { id, node, seen: false, renamed });
        let edit = KeyEdit { key: key.to_vec(), kind };
        cx.push(Action::Lab(LabCommand::Edit { id, node, db, edit }));
    }

    /// What the node answered to the last change.
    fn outcome(&mut self, ui: &mut Ui, cx: &Cx<'_>, node: NodeId) -> Option<Vec<u8>> {
        let tokens = Tokens::of(ui);
        let sent = self.sent.as_mut().filter(|sent| sent.node == node)?;
        let answer = answer(cx, sent)?;
        let (text, colour) = match answer {
            ReplyValue::Error(text) | ReplyValue::ConnectionFailed(text) => (text.clone(), tokens.bad),
            ReplyValue::Integer(0) if sent.renamed.is_some() => {
                ("A key of that name is there already; nothing was changed".to_owned(), tokens.warn)
            }
            ReplyValue::Integer(0) => ("The node changed nothing".to_owned(), tokens.dim),
            other => (format!("The node answered {}", reply(other)), tokens.good),
        };
        ui.label(RichText::new(text).color(colour)).on_hover_text("The console of this node shows the line");
        let done = matches!(answer, ReplyValue::Integer(1));
        if done { sent.renamed.take() } else { None }
    }
}

/// What was answered to this change.
fn answer<'a>(cx: &Cx<'a>, sent: &Sent) -> Option<&'a ReplyValue> {
    let lines = &cx.model.consoles.get(&sent.node)?.lines;
    let line = lines.iter().rev().find(|line| line.id == sent.id)?;
    line.answers.first().map(|answer| &answer.reply)
}

/// The change that a form asks for; `None` where it needs an element and none is chosen.
fn change(
    task: Task,
    kind: &KeyType,
    fields: Vec<Vec<u8>>,
    row: Option<(usize, &Vec<Cell>)>,
) -> Option<EditKind> {
    let mut fields = fields.into_iter();
    let first = fields.next()?;
    let name = || Some(row?.1.first()?.bytes.clone());
    Some(match (task, kind) {
        (Task::New, _) => EditKind::Create(first),
        (Task::Value, _) => EditKind::Replace(first),
        (Task::Rename, _) => EditKind::Rename(first),
        (Task::Expire, _) => EditKind::Expire(first),
        (Task::Add, KeyType::List) => EditKind::Push(first),
        (Task::Add, KeyType::Set) => EditKind::AddMember(first),
        (Task::Add, KeyType::SortedSet) => EditKind::SetScore(first, fields.next()?),
        (Task::Add, KeyType::Stream) => EditKind::AddEntry(first, fields.next()?),
        (Task::Add, _) => EditKind::SetField(first, fields.next()?),
        (Task::Element, KeyType::List) => EditKind::SetElement(row?.0.to_string().into_bytes(), first),
        (Task::Element, KeyType::SortedSet) => EditKind::SetScore(first, name()?),
        (Task::Element, _) => EditKind::SetField(name()?, first),
    })
}
