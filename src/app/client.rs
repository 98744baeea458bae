//! The window's end of the lab.

use std::any::Any;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::lab::{Entry, Event, LabCommand, NoticeLevel};

/// Two bounded channels: entries of the journal come in, wishes go out. Neither end ever waits.
pub struct LabClient {
    /// Entries of the journal, in their order.
    pub events: Receiver<Entry>,
    /// Wishes.
    pub commands: Sender<LabCommand>,
    guard: Option<Box<dyn Any>>,
}

impl LabClient {
    /// A client of these channels.
    pub fn new(events: Receiver<Entry>, commands: Sender<LabCommand>) -> Self {
        Self { events, commands, guard: None }
    }

    /// A client without a lab: the window opens and shows why.
    pub fn failed(reason: &str) -> Self {
        let (entries, events) = crossbeam_channel::bounded(1);
        let (commands, _) = crossbeam_channel::bounded(0);
        let event = Event::Notice {
            level: NoticeLevel::Error,
            node: None,
            text: format!("Nothing can be started: {reason}"),
        };
        // The channel has room for exactly this.
        let _ = entries.try_send(Entry { seq: 0, at: std::time::Duration::ZERO, event });
        Self::new(events, commands)
    }

    /// Keeps `guard` until the window closes: the lab's handle, whose drop ends the lab.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Any) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Passes a wish on; says in plain words why it could not.
    pub(crate) fn ask(&self, command: LabCommand) -> Result<(), &'static str> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => "The lab is busy and did not take the wish; try again in a moment",
            TrySendError::Disconnected(_) => "The lab has ended; start Repliscope again",
        })
    }
}

impl std::fmt::Debug for LabClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LabClient").field("guarded", &self.guard.is_some()).finish_non_exhaustive()
    }
}
