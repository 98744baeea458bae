//! Which keys are listed: database, pattern and type.

use eframe::egui::{Button, ComboBox, DragValue, Key, TextEdit, Ui};

use crate::lab::KeyType;

/// The filter as it is applied, and the pattern as it is typed.
#[derive(Default)]
pub(super) struct Filter {
    pub(super) db: u16,
    pub(super) pattern: String,
    pub(super) kind: Option<KeyType>,
    pub(super) only_differences: bool,
    typed: String,
}

impl Filter {
    /// Draws it; `true` when the listing is to be read anew.
    pub(super) fn ui(&mut self, ui: &mut Ui, live: bool, comparing: bool) -> bool {
        let db = ui.add_enabled(live, DragValue::new(&mut self.db).range(0..=9_999).prefix("db "));
        db.on_hover_text("Database").accessible_name("Database of keys");
        let edit = TextEdit::singleline(&mut self.typed).hint_text("Pattern, as user:*").desired_width(130.0);
        let field = ui.add_enabled(live, edit).accessible_name("Pattern of keys");
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if entered || (field.lost_focus() && self.typed.trim() != self.pattern) {
            self.typed.trim().clone_into(&mut self.pattern);
        }
        let shown = self.kind.as_ref().map_or("all types", KeyType::word).to_owned();
        let kinds =
            ComboBox::from_id_salt("kind of keys").width(84.0).selected_text(shown).show_ui(ui, |ui| {
                ui.selectable_value(&mut self.kind, None, "all types");
                for kind in KeyType::KNOWN {
                    let word = kind.word().to_owned();
                    ui.selectable_value(&mut self.kind, Some(kind), word);
                }
            });
        kinds.response.accessible_name("Type of keys");
        if comparing {
            ui.checkbox(&mut self.only_differences, "Only differences");
        }
        let refresh = ui.add_enabled(live, Button::new("Refresh"));
        let refresh = refresh.on_hover_text("Read the keys again").accessible_name("Refresh keys");
        refresh.clicked() || entered
    }
}
