//! `repliscope up`: the same cluster without a window.
//!
//! Owns what the terminal shows: endpoints first, then a line per node when it changes, or the journal as JSON
//! lines. It gives the lab the same commands as the window and folds the same journal, for just those lines.

mod status;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::runner::{Embedded, Runner};
use super::thread::start_with;
use super::{Entry, Event, LabClientParts, LabCommand, LabOptions, NodePlan, Preset};
use crate::node::{NodeEvent, StopReason, asked_to_end};
use status::Status;

/// How long a fresh cluster may take until every node answers, before the endpoints are printed anyway.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long the end may take.
const END_WITHIN: Duration = Duration::from_secs(3);

/// What `up` starts.
#[derive(Debug, Clone)]
pub struct UpOptions {
    /// Replicas of the one master.
    pub replicas: u16,
    /// The master's port; the replicas' follow.
    pub port: u16,
    /// Where the nodes' folders are; [`default_dir`] when `None`.
    pub dir: Option<PathBuf>,
    /// Load the data that the folders hold instead of setting it aside.
    pub keep_data: bool,
    /// Print the journal as JSON lines.
    pub json: bool,
}

/// Why `up` ended other than by the user.
#[derive(Debug, Error)]
pub enum HeadlessError {
    /// Nothing was started.
    #[error("{}", ports_taken(.taken, *.offer))]
    PortsTaken {
        /// Each port with its holder.
        taken: Vec<(u16, Option<String>)>,
        /// First port of the next free block, 0 if there is none.
        offer: u16,
    },
    /// A node never served.
    #[error("{node} (port {port}) did not start: {reason}")]
    NodeFailed {
        /// Its name.
        node: String,
        /// Its port.
        port: u16,
        /// Why.
        reason: String,
    },
    /// The cluster could not even be planned.
    #[error("{0}")]
    Refused(String),
    /// The lab's thread or its runtime could not be started.
    #[error("the lab could not be started: {0}")]
    Lab(io::Error),
    /// The terminal or pipe that is written to is gone.
    #[error("the output could not be written: {0}")]
    Output(io::Error),
    /// The lab ended by itself.
    #[error("the lab ended unexpectedly")]
    LabEnded,
}

fn ports_taken(taken: &[(u16, Option<String>)], offer: u16) -> String {
    let name = |(port, holder): &(u16, Option<String>)| {
        format!("port {port} is taken by {}", holder.as_deref().unwrap_or("another program"))
    };
    let mut parts: Vec<_> = taken.iter().map(name).collect();
    parts.push(match offer {
        0 => "no free block of ports was found".to_owned(),
        offer => format!("the next free block begins at {offer}: try --port {offer}"),
    });
    parts.join("; ")
}

/// Where the nodes' folders are unless the user says otherwise: the app's own data folder.
pub fn default_dir() -> PathBuf {
    match directories::ProjectDirs::from("", "", "repliscope") {
        Some(dirs) => dirs.data_local_dir().join("cluster"),
        None => std::env::temp_dir().join("repliscope"),
    }
}

/// Runs a cluster in the terminal until Ctrl-C or SIGTERM, then ends its nodes in good order.
///
/// # Errors
/// By what went wrong; the cluster is then ended too.
pub fn up(options: UpOptions) -> Result<(), HeadlessError> {
    up_with(options, Box::new(Embedded), &mut io::stdout().lock(), asked_to_end)
}

fn up_with<F: Future<Output = ()>>(
    options: UpOptions,
    runner: Box<dyn Runner>,
    out: &mut dyn Write,
    end: impl FnOnce() -> F,
) -> Result<(), HeadlessError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(HeadlessError::Lab)?;
    let news = Arc::new(Notify::new());
    let wake = Arc::clone(&news);
    let data_dir = options.dir.unwrap_or_else(default_dir);
    let lab_options =
        LabOptions { data_dir: data_dir.clone(), keep_data: options.keep_data, asks_before_wipe: false };
    let parts = start_with(move || wake.notify_one(), lab_options, runner).map_err(HeadlessError::Lab)?;
    let preset = match options.replicas {
        0 => Preset::Single,
        replicas => Preset::Star { replicas },
    };
    let start = LabCommand::StartCluster { preset, port: options.port };
    parts.commands.try_send(start).map_err(|_| HeadlessError::LabEnded)?;

    let mut terminal = Terminal::new(out, options.json, data_dir);
    let result = runtime.block_on(async {
        let end = end();
        tokio::pin!(end);
        let patience = sleep_until(Instant::now() + ANSWER_WITHIN);
        tokio::pin!(patience);
        loop {
            terminal.take(&parts)?;
            tokio::select! {
                () = news.notified() => {}
                () = &mut patience, if !terminal.announced => terminal.announce()?,
                () = &mut end => return Ok(()),
            }
        }
    });
    parts.handle.shutdown(END_WITHIN);
    // The last entries tell how each node ended. After an error they would only bury it.
    if result.is_ok() {
        match terminal.take(&parts) {
            Err(HeadlessError::LabEnded) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    result
}

/// One endpoint as `--json` prints it.
#[derive(Serialize)]
struct Endpoint {
    node: String,
    host: &'static str,
    port: u16,
    role: &'static str,
}

#[derive(Serialize)]
struct Endpoints<'a> {
    endpoints: Vec<Endpoint>,
    data_dir: &'a str,
}

/// Turns entries into lines.
struct Terminal<'a> {
    out: &'a mut dyn Write,
    json: bool,
    data_dir: PathBuf,
    /// The endpoints were printed.
    announced: bool,
    /// Entries before that, in JSON mode: the endpoints come first.
    held: Vec<Entry>,
    status: Status,
}

impl<'a> Terminal<'a> {
    fn new(out: &'a mut dyn Write, json: bool, data_dir: PathBuf) -> Self {
        Self { out, json, data_dir, announced: false, held: Vec::new(), status: Status::default() }
    }

    fn take(&mut self, parts: &LabClientParts) -> Result<(), HeadlessError> {
        loop {
            match parts.entries.try_recv() {
                Ok(entry) => self.entry(entry)?,
                Err(crossbeam_channel::TryRecvError::Empty) => return Ok(()),
                Err(crossbeam_channel::TryRecvError::Disconnected) => return Err(HeadlessError::LabEnded),
            }
        }
    }

    fn entry(&mut self, entry: Entry) -> Result<(), HeadlessError> {
        if !self.announced {
            self.fail_early(&entry.event)?;
        }
        let lines = self.status.fold(&entry.event);
        if self.json {
            if self.announced { self.json_line(&entry)? } else { self.held.push(entry) }
        } else if self.announced {
            for line in lines {
                self.line(&line)?;
            }
        }
        if !self.announced && self.status.all_answer() {
            self.announce()?;
        }
        Ok(())
    }

    /// Before the endpoints are out, a failure is the end: a script that waits for them must not wait for ever.
    fn fail_early(&self, event: &Event) -> Result<(), HeadlessError> {
        match event {
            Event::PortsTaken { taken, offer, .. } => {
                Err(HeadlessError::PortsTaken { taken: taken.clone(), offer: *offer })
            }
            Event::Node { node, event: NodeEvent::Stopped(StopReason::FailedToStart(reason)) } => {
                Err(HeadlessError::NodeFailed {
                    node: node.to_string(),
                    port: self.status.port(*node),
                    reason: reason.clone(),
                })
            }
            Event::Notice { level: super::NoticeLevel::Error, text, .. } => {
                Err(HeadlessError::Refused(text.clone()))
            }
            _ => Ok(()),
        }
    }

    fn announce(&mut self) -> Result<(), HeadlessError> {
        self.announced = true;
        let plans: Vec<NodePlan> = self.status.plans().collect();
        let role = |plan: &NodePlan| if plan.master.is_some() { "replica" } else { "master" };
        if self.json {
            let endpoints = plans.iter().map(|plan| Endpoint {
                node: plan.node.to_string(),
                host: "127.0.0.1",
                port: plan.port,
                role: role(plan),
            });
            let data_dir = self.data_dir.to_string_lossy();
            let endpoints = Endpoints { endpoints: endpoints.collect(), data_dir: &data_dir };
            let line =
                serde_json::to_string(&endpoints).map_err(|error| HeadlessError::Output(error.into()))?;
            self.line(&line)?;
            for entry in std::mem::take(&mut self.held) {
                self.json_line(&entry)?;
            }
            return Ok(());
        }
        for plan in &plans {
            self.line(&format!("{}  127.0.0.1:{}  {}", plan.node, plan.port, role(plan)))?;
        }
        self.line(&format!("Data in {}", self.data_dir.display()))?;
        if let Some(first) = plans.first() {
            self.line(&format!("Try redis-cli -p {}; Ctrl-C ends the cluster", first.port))?;
        }
        let lines: Vec<_> = self.status.lines().collect();
        for line in lines {
            self.line(&line)?;
        }
        Ok(())
    }

    fn json_line(&mut self, entry: &Entry) -> Result<(), HeadlessError> {
        let line = serde_json::to_string(entry).map_err(|error| HeadlessError::Output(error.into()))?;
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> Result<(), HeadlessError> {
        // Flushed line by line: a script reads the endpoints from a pipe while the cluster runs.
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).map_err(HeadlessError::Output)
    }
}

#[cfg(test)]
mod tests;
