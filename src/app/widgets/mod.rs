//! Small things that several panels draw. They know tokens and nothing of the model's whole.

mod glyph;
mod mark;
mod text;

pub(crate) use glyph::{life_colour, life_glyph, life_label};
pub(crate) use mark::mark;
pub(crate) use text::{chip, empty_state, figure, section_title};
