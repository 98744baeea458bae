//! Everything that a menu, a button or a shortcut can do, as one closed enum.
//!
//! Panels push actions and change nothing else; the window carries them out after the frame is drawn.

use eframe::egui::{Key, KeyboardShortcut, Modifiers, ThemePreference};

use super::layout::Pane;
use crate::lab::{LabCommand, NodeId, Preset};
use crate::node::{Fault, FaultKind};

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Ask the lab; what could lose data is confirmed first.
    Lab(LabCommand),
    /// Ask the lab, already confirmed.
    LabConfirmed(LabCommand),
    /// Choose a file and open it as a recording.
    OpenRecording,
    /// Choose a file and save the journal to it.
    SaveRecording,
    /// Leave the recording.
    BackToLive,
    /// Close the window.
    Quit,
    /// Show this node in the inspector.
    Select(NodeId),
    /// Show the console with this node as its target.
    OpenConsole(NodeId),
    /// Decide whether an emptied master may take its replicas' data from them.
    AskWipe,
    /// Begin or heal faults of this node.
    Faults(NodeId),
    /// Bring a pane to the front, opening it if it is closed.
    Show(Pane),
    /// Close a pane, or open it.
    Toggle(Pane),
    /// Put all panes back where they were.
    ResetLayout,
    /// System, light or dark.
    Theme(ThemePreference),
    /// Larger.
    ZoomIn,
    /// Smaller.
    ZoomOut,
    /// Original size.
    ZoomReset,
    /// What happened that needs attention.
    Notices,
    /// Which keys do what.
    Shortcuts,
    /// What this is.
    About,
    /// The list of everything.
    Palette,
    /// Put this text on the clipboard.
    Copy(String),
}

/// Shape of the cluster behind the one big button.
pub(crate) const THREE_NODES: Preset = Preset::Star { replicas: 2 };

impl Action {
    /// Actions with a fixed text, in the order in which the palette and the list of shortcuts show them.
    pub(crate) fn fixed() -> Vec<Self> {
        let mut all = vec![
            Self::OpenRecording,
            Self::SaveRecording,
            Self::BackToLive,
            Self::Lab(LabCommand::StopCluster),
            Self::Lab(LabCommand::ClearFaults),
        ];
        all.extend(Pane::ALL.map(Self::Show));
        all.extend([
            Self::ResetLayout,
            Self::Theme(ThemePreference::System),
            Self::Theme(ThemePreference::Light),
            Self::Theme(ThemePreference::Dark),
            Self::ZoomIn,
            Self::ZoomOut,
            Self::ZoomReset,
            Self::Notices,
            Self::Palette,
            Self::Shortcuts,
            Self::About,
            Self::Quit,
        ]);
        all
    }

    /// What stands on the button.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Lab(command) | Self::LabConfirmed(command) => lab_label(command),
            Self::OpenRecording => "Open recording…".to_owned(),
            Self::SaveRecording => "Save recording…".to_owned(),
            Self::BackToLive => "Back to live".to_owned(),
            Self::Quit => "Quit".to_owned(),
            Self::Select(node) => format!("Select {node}"),
            Self::OpenConsole(node) => format!("Console of {node}"),
            Self::AskWipe => "Decide…".to_owned(),
            Self::Faults(_) => "Faults…".to_owned(),
            Self::Show(pane) => format!("Show {}", pane.title()),
            Self::Toggle(pane) => pane.title().to_owned(),
            Self::ResetLayout => "Reset layout".to_owned(),
            Self::Theme(ThemePreference::System) => "Theme like the system".to_owned(),
            Self::Theme(ThemePreference::Light) => "Light theme".to_owned(),
            Self::Theme(ThemePreference::Dark) => "Dark theme".to_owned(),
            Self::ZoomIn => "Zoom in".to_owned(),
            Self::ZoomOut => "Zoom out".to_owned(),
            Self::ZoomReset => "Original size".to_owned(),
            Self::Notices => "Notices".to_owned(),
            Self::Shortcuts => "Keyboard shortcuts".to_owned(),
            Self::About => "About Repliscope".to_owned(),
            Self::Palette => "Find an action…".to_owned(),
            Self::Copy(text) => format!("Copy {text}"),
        }
    }

    /// The key that does it.
    pub(crate) fn shortcut(&self) -> Option<KeyboardShortcut> {
        let (modifiers, key) = match self {
            Self::OpenRecording => (Modifiers::COMMAND, Key::O),
            Self::SaveRecording => (Modifiers::COMMAND, Key::S),
            Self::Quit => (Modifiers::COMMAND, Key::Q),
            Self::Palette => (Modifiers::COMMAND, Key::K),
            Self::Shortcuts => (Modifiers::NONE, Key::F1),
            Self::ZoomIn => (Modifiers::COMMAND, Key::Plus),
            Self::ZoomOut => (Modifiers::COMMAND, Key::Minus),
            Self::ZoomReset => (Modifiers::COMMAND, Key::Num0),
            Self::Show(pane) => (Modifiers::COMMAND, pane.key()),
            _ => return None,
        };
        Some(KeyboardShortcut::new(modifiers, key))
    }
}

fn lab_label(command: &LabCommand) -> String {
    match command {
        LabCommand::StartCluster { preset, .. } => format!("Start {}", preset_label(*preset)),
        LabCommand::StopCluster => "Stop cluster".to_owned(),
        LabCommand::AddNode { master: Some(_) } => "Add replica".to_owned(),
        LabCommand::AddNode { master: None } => "Add master".to_owned(),
        LabCommand::RemoveNode(_) => "Remove".to_owned(),
        LabCommand::Start(_) => "Start".to_owned(),
        LabCommand::Stop(_) => "Stop".to_owned(),
        LabCommand::Restart(_) => "Restart".to_owned(),
        LabCommand::Kill(_) => "Kill".to_owned(),
        LabCommand::Freeze(_) => "Freeze".to_owned(),
        LabCommand::Thaw(_) => "Thaw".to_owned(),
        LabCommand::Promote(_) => "Promote".to_owned(),
        LabCommand::ReplicaOf { .. } => "Make replica of".to_owned(),
        LabCommand::AskBeforeWipe(true) => "Ask before an emptied master wipes".to_owned(),
        LabCommand::AskBeforeWipe(false) => "Let an emptied master wipe unasked".to_owned(),
        LabCommand::LetWipe(_) => "Replace its data".to_owned(),
        LabCommand::BeginFault { fault: Fault::Cut, lasts: None, .. } => "Cut link".to_owned(),
        LabCommand::HealFault { kind: FaultKind::Cut, .. } => "Heal link".to_owned(),
        LabCommand::BeginFault { fault, .. } => format!("Begin {}", fault.kind()),
        LabCommand::HealFault { kind, .. } => format!("Heal {kind}"),
        LabCommand::Console { line, .. } => format!("Run {line}"),
        LabCommand::Edit { edit, .. } => format!("Run {}", edit.line()),
        LabCommand::StopConsole(_) => "Stop stream".to_owned(),
        LabCommand::Browse { .. } => "Look at keys".to_owned(),
        LabCommand::Workload(settings) if settings.on => "Start workload".to_owned(),
        LabCommand::Workload(_) => "Stop workload".to_owned(),
        LabCommand::SaveRecording(_) => "Save recording".to_owned(),
        LabCommand::ClearFaults => "Clear faults".to_owned(),
    }
}

/// A shape in words.
pub(crate) fn preset_label(preset: Preset) -> String {
    match preset {
        Preset::Star { replicas: 2 } => "3-node cluster".to_owned(),
        Preset::Star { replicas: 1 } => "master + 1 replica".to_owned(),
        Preset::Star { replicas } => format!("master + {replicas} replicas"),
        Preset::Chain { nodes } => format!("chain of {nodes}"),
        Preset::Single => "empty node".to_owned(),
    }
}

/// How many ports a shape takes.
pub(crate) fn preset_ports(preset: Preset) -> u16 {
    match preset {
        Preset::Star { replicas } => replicas.saturating_add(1),
        Preset::Chain { nodes } => nodes,
        Preset::Single => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_share_a_key_or_a_text() {
        let all = Action::fixed();
        for (index, action) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(action.label(), other.label());
                if let (Some(a), Some(b)) = (action.shortcut(), other.shortcut()) {
                    assert_ne!(a, b, "{action:?} and {other:?}");
                }
            }
        }
    }
}
