//! Design tokens: colours of both themes, spacing and type scale. No other file names a colour.

use eframe::egui::{
    self, Color32, Context, CornerRadius, FontDefinitions, FontFamily, FontId, Margin, Stroke, TextStyle,
    Theme, Ui, Vec2, Visuals,
};

/// Space between things that belong together.
pub(crate) const TIGHT: f32 = 4.0;
/// Space between rows and neighbours.
pub(crate) const GAP: f32 = 8.0;
/// Space between groups, and around the content of a pane.
pub(crate) const PAD: f32 = 12.0;
/// Space between sections.
pub(crate) const WIDE: f32 = 20.0;
/// Corner of cards, buttons and windows.
pub(crate) const ROUND: u8 = 6;

/// Colours of one theme. Text colours have a contrast of at least 4.5 against `surface` and `raised`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens {
    /// Behind everything.
    pub(crate) base: Color32,
    /// Panes.
    pub(crate) surface: Color32,
    /// Cards and buttons on a pane.
    pub(crate) raised: Color32,
    /// The same under the pointer.
    pub(crate) hover: Color32,
    /// Hairlines and outlines.
    pub(crate) line: Color32,
    /// What is read.
    pub(crate) text: Color32,
    /// What explains it.
    pub(crate) dim: Color32,
    /// What can be interacted with first, and what is selected.
    pub(crate) accent: Color32,
    /// Text on `accent`.
    pub(crate) on_accent: Color32,
    /// Answers, streams, succeeded.
    pub(crate) good: Color32,
    /// Needs attention.
    pub(crate) warn: Color32,
    /// Failed, gone.
    pub(crate) bad: Color32,
    /// Frozen.
    pub(crate) ice: Color32,
    /// Wrong with a disk.
    pub(crate) disk: Color32,
    /// One colour per node, in the order of the nodes.
    pub(crate) series: [Color32; 8],
}

const DARK: Tokens = Tokens {
    base: Color32::from_rgb(0x10, 0x13, 0x18),
    surface: Color32::from_rgb(0x17, 0x1b, 0x22),
    raised: Color32::from_rgb(0x20, 0x26, 0x30),
    hover: Color32::from_rgb(0x2b, 0x33, 0x40),
    line: Color32::from_rgb(0x34, 0x3d, 0x4b),
    text: Color32::from_rgb(0xe8, 0xec, 0xf2),
    dim: Color32::from_rgb(0x9d, 0xa9, 0xb9),
    accent: Color32::from_rgb(0x6c, 0xb2, 0xff),
    on_accent: Color32::from_rgb(0x08, 0x16, 0x28),
    good: Color32::from_rgb(0x4c, 0xd0, 0x8f),
    warn: Color32::from_rgb(0xf0, 0xb4, 0x4a),
    bad: Color32::from_rgb(0xff, 0x7b, 0x72),
    ice: Color32::from_rgb(0x82, 0xd4, 0xf5),
    disk: Color32::from_rgb(0xc9, 0xa2, 0xf7),
    series: [
        Color32::from_rgb(0x6c, 0xb2, 0xff),
        Color32::from_rgb(0xf5, 0xb0, 0x41),
        Color32::from_rgb(0x5b, 0xd1, 0xa5),
        Color32::from_rgb(0xe0, 0x8f, 0xf0),
        Color32::from_rgb(0xff, 0x8a, 0x73),
        Color32::from_rgb(0xb6, 0xd6, 0x53),
        Color32::from_rgb(0xa3, 0xa0, 0xff),
        Color32::from_rgb(0x5f, 0xd7, 0xde),
    ],
};

const LIGHT: Tokens = Tokens {
    base: Color32::from_rgb(0xe9, 0xec, 0xf1),
    surface: Color32::from_rgb(0xfb, 0xfc, 0xfd),
    raised: Color32::from_rgb(0xee, 0xf1, 0xf5),
    hover: Color32::from_rgb(0xe0, 0xe6, 0xee),
    line: Color32::from_rgb(0xcc, 0xd3, 0xdd),
    text: Color32::from_rgb(0x16, 0x1c, 0x26),
    dim: Color32::from_rgb(0x51, 0x5c, 0x6c),
    accent: Color32::from_rgb(0x16, 0x5f, 0xc9),
    on_accent: Color32::from_rgb(0xff, 0xff, 0xff),
    good: Color32::from_rgb(0x0a, 0x74, 0x47),
    warn: Color32::from_rgb(0x8f, 0x5a, 0x00),
    bad: Color32::from_rgb(0xbb, 0x22, 0x26),
    ice: Color32::from_rgb(0x0b, 0x6a, 0x91),
    disk: Color32::from_rgb(0x7a, 0x35, 0xb5),
    series: [
        Color32::from_rgb(0x16, 0x5f, 0xc9),
        Color32::from_rgb(0x9c, 0x50, 0x00),
        Color32::from_rgb(0x08, 0x74, 0x50),
        Color32::from_rgb(0x93, 0x2f, 0xa8),
        Color32::from_rgb(0xb6, 0x37, 0x18),
        Color32::from_rgb(0x52, 0x6f, 0x00),
        Color32::from_rgb(0x56, 0x4d, 0xc7),
        Color32::from_rgb(0x00, 0x72, 0x80),
    ],
};

impl Tokens {
    /// The tokens of the theme that `ui` is drawn in.
    pub(crate) fn of(ui: &Ui) -> &'static Self {
        Self::of_visuals(ui.visuals())
    }

    /// The tokens that these visuals were made from.
    pub(crate) fn of_visuals(visuals: &Visuals) -> &'static Self {
        if visuals.dark_mode { &DARK } else { &LIGHT }
    }

    /// Colour of the node at this position among the nodes.
    pub(crate) fn series(&self, index: usize) -> Color32 {
        self.series[index % self.series.len()]
    }

    /// `color` as a quiet background, on which the same colour can be read.
    pub(crate) fn tint(&self, color: Color32) -> Color32 {
        mix(self.surface, color, 0.13)
    }
}

/// `a` with `share` of `b` in it, opaque.
pub(crate) fn mix(a: Color32, b: Color32, share: f32) -> Color32 {
    let part = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
    Color32::from_rgb(part(a.r(), b.r()), part(a.g(), b.g()), part(a.b(), b.b()))
}

/// Title of a section within a pane.
pub(crate) fn section() -> TextStyle {
    TextStyle::Name("section".into())
}

/// The one big line of an empty window.
pub(crate) fn display() -> TextStyle {
    TextStyle::Name("display".into())
}

/// Gives the context our fonts, colours and sizes, for both themes.
pub fn install(ctx: &Context) {
    let mut fonts = FontDefinitions::default();
    // The proportional font has neither arrows nor shapes; Hack, which is bundled too, has them.
    if let Some(family) = fonts.families.get_mut(&FontFamily::Proportional) {
        family.push("Hack".to_owned());
    }
    ctx.set_fonts(fonts);
    for (theme, tokens) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        ctx.style_mut_of(theme, |style| style_from(style, tokens));
    }
    // Quitting is an action of ours like every other, with its own key.
    ctx.options_mut(|options| options.quit_shortcuts.clear());
}

fn style_from(style: &mut egui::Style, tokens: &Tokens) {
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(11.5)),
        (TextStyle::Body, FontId::proportional(13.5)),
        (TextStyle::Button, FontId::proportional(13.5)),
        (TextStyle::Monospace, FontId::monospace(12.5)),
        (section(), FontId::proportional(15.0)),
        (TextStyle::Heading, FontId::proportional(19.0)),
        (display(), FontId::proportional(30.0)),
    ]
    .into();
    style.spacing.item_spacing = Vec2::new(GAP, 6.0);
    style.spacing.button_padding = Vec2::new(10.0, 4.0);
    style.spacing.interact_size.y = 24.0;
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.window_margin = Margin::same(PAD as i8);
    style.spacing.tooltip_width = 360.0;
    colour(&mut style.visuals, tokens);
}

fn colour(visuals: &mut Visuals, tokens: &Tokens) {
    let round = CornerRadius::same(ROUND);
    visuals.panel_fill = tokens.surface;
    visuals.window_fill = tokens.surface;
    visuals.window_stroke = Stroke::new(1.0, tokens.line);
    visuals.window_corner_radius = CornerRadius::same(10);
    visuals.menu_corner_radius = CornerRadius::same(8);
    visuals.extreme_bg_color = mix(tokens.base, tokens.surface, 0.35);
    visuals.code_bg_color = tokens.raised;
    visuals.faint_bg_color = mix(tokens.surface, tokens.raised, 0.6);
    visuals.weak_text_color = Some(tokens.dim);
    visuals.warn_fg_color = tokens.warn;
    visuals.error_fg_color = tokens.bad;
    visuals.hyperlink_color = tokens.accent;
    visuals.selection.bg_fill = mix(tokens.surface, tokens.accent, 0.32);
    visuals.selection.stroke = Stroke::new(1.0, tokens.text);

    let widgets = &mut visuals.widgets;
    for (state, fill, line, text) in [
        (&mut widgets.noninteractive, tokens.surface, tokens.line, tokens.text),
        (&mut widgets.inactive, tokens.raised, tokens.line, tokens.text),
        (&mut widgets.hovered, tokens.hover, tokens.dim, tokens.text),
        (&mut widgets.active, tokens.hover, tokens.accent, tokens.text),
        (&mut widgets.open, tokens.hover, tokens.line, tokens.text),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, line);
        state.fg_stroke = Stroke::new(1.0, text);
        state.corner_radius = round;
        state.expansion = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two opaque colours as WCAG 2 defines it.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |color: Color32| {
            let linear = |channel: u8| {
                let c = f32::from(channel) / 255.0;
                if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_text_colour_can_be_read_on_every_background_of_its_theme() {
        for tokens in [DARK, LIGHT] {
            let colours = [
                tokens.text,
                tokens.dim,
                tokens.accent,
                tokens.good,
                tokens.warn,
                tokens.bad,
                tokens.ice,
                tokens.disk,
            ];
            for colour in colours.into_iter().chain(tokens.series) {
                for ground in [tokens.surface, tokens.raised, tokens.tint(colour)] {
                    let ratio = contrast(colour, ground);
                    assert!(ratio >= 4.5, "{colour:?} on {ground:?} has only {ratio:.2}");
                }
            }
            assert!(contrast(tokens.on_accent, tokens.accent) >= 4.5);
        }
    }
}
