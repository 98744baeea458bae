//! Recordings: a journal as a file of JSON lines, one header and one line per entry.
//!
//! Owns the file's format and its version. It must not know who records or who replays.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Entry, Event, FaultEnd, LabCommand, NodeId};
use crate::node::{Fault, FaultKind};
use crate::persistence::{OsDisk, PendingFile, open};

/// What the header names as its format.
pub const FORMAT: &str = "repliscope-journal";

/// The version that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// Longest line that is read: a console reply of the largest size, with every byte escaped.
const LINE_MAX: u64 = 512 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// Why a recording could not be written or read.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file could not be written; what stood there before is unchanged.
    #[error("{} could not be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be opened.
    #[error("{} could not be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading broke off.
    #[error("{}, line {line}: could not be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The first line is no header of ours.
    #[error("{} is not a recording of Repliscope", path.display())]
    NotARecording {
        /// The file.
        path: PathBuf,
    },
    /// A later Repliscope wrote it.
    #[error(
        "{} has format version {found}, this Repliscope reads up to version {VERSION}: open it with a newer one",
        path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A line is no entry, or an event that this version does not know.
    #[error("{}, line {line}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Writes `entries` to `path` and replaces what stood there in one step; gives back how many lines of entries it has.
///
/// Entries are numbered anew from 0, since a long journal has gaps where samples were thinned out.
///
/// # Errors
/// [`RecordingError::Write`]; the old file is then unchanged.
pub fn write_recording(path: &Path, entries: &[Arc<Entry>]) -> Result<usize, RecordingError> {
    let written = || {
        let mut file = BufWriter::new(PendingFile::create(OsDisk, path)?);
        write_lines(&mut file, entries)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.commit()?;
        Ok(entries.len())
    };
    written().map_err(|source| RecordingError::Write { path: path.to_owned(), source })
}

fn write_lines(file: &mut impl Write, entries: &[Arc<Entry>]) -> io::Result<()> {
    serde_json::to_writer(&mut *file, &Header { format: FORMAT.to_owned(), version: VERSION })?;
    for (seq, entry) in entries.iter().enumerate() {
        file.write_all(b"\n")?;
        let numbered = NumberedEntry { seq: seq as u64, at: entry.at, event: &entry.event };
        serde_json::to_writer(&mut *file, &numbered)?;
    }
    file.write_all(b"\n")
}

/// [`Entry`] with another number, without a clone of its event.
#[derive(Serialize)]
struct NumberedEntry<'a> {
    seq: u64,
    at: Duration,
    event: &'a Event,
}

/// Reads a whole recording.
///
/// # Errors
/// By what is wrong, with the file and, where there is one, the line; an event of a later version is
/// [`RecordingError::Malformed`] and names the event.
pub fn read_recording(path: &Path) -> Result<Vec<Entry>, RecordingError> {
    let file = open(path).map_err(|source| RecordingError::Open { path: path.to_owned(), source })?;
    let mut lines =
        Lines { path, reader: BufReader::new(file), line: 0, text: Vec::new(), tells_faults: false };
    let not_ours = || RecordingError::NotARecording { path: path.to_owned() };

    if !lines.advance()? {
        return Err(not_ours());
    }
    let header: Header = serde_json::from_slice(&lines.text).map_err(|_| not_ours())?;
    if header.format != FORMAT {
        return Err(not_ours());
    }
    if header.version > VERSION {
        return Err(RecordingError::TooNew { path: path.to_owned(), found: header.version });
    }

    let mut entries: Vec<Entry> = Vec::new();
    let mut due = 0;
    while lines.advance()? {
        let EntryAsRead { seq, at, event } = lines.entry()?;
        if seq != due {
            return Err(lines.malformed(&format!("entry {seq} where {due} is due")));
        }
        due += 1;
        // Numbered anew: an entry that is left out leaves no gap.
        let seq = entries.len() as u64;
        entries.extend(event.map(|event| Entry { seq, at, event }));
    }
    Ok(entries)
}

/// An entry of a file; without an event if other entries tell the same.
struct EntryAsRead {
    seq: u64,
    at: Duration,
    event: Option<Event>,
}

/// An entry that is written no more: cuts of links had commands and an event of their own once.
#[derive(Deserialize)]
struct FormerEntry {
    seq: u64,
    at: Duration,
    event: FormerEvent,
}

#[derive(Deserialize)]
enum FormerEvent {
    Asked(FormerCommand),
    Node { node: NodeId, event: FormerNodeEvent },
}

#[derive(Deserialize)]
enum FormerCommand {
    CutLink(NodeId),
    HealLink(NodeId),
}

#[derive(Deserialize)]
enum FormerNodeEvent {
    LinkCut(bool),
}

impl From<FormerEvent> for Event {
    fn from(former: FormerEvent) -> Self {
        let (fault, lasts, kind) = (Fault::Cut, None, FaultKind::Cut);
        match former {
            FormerEvent::Asked(FormerCommand::CutLink(node)) => {
                Self::Asked(LabCommand::BeginFault { node, fault, lasts })
            }
            FormerEvent::Asked(FormerCommand::HealLink(node)) => {
                Self::Asked(LabCommand::HealFault { node, kind })
            }
            FormerEvent::Node { node, event: FormerNodeEvent::LinkCut(true) } => {
                Self::FaultBegun { node, fault, lasts }
            }
            FormerEvent::Node { node, event: FormerNodeEvent::LinkCut(false) } => {
                Self::FaultEnded { node, kind, how: FaultEnd::Healed }
            }
        }
    }
}

struct Lines<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    line: usize,
    text: Vec<u8>,
    /// The entries so far have faults, and so each cut of a link. Before there were faults, only nodes told of cuts.
    tells_faults: bool,
}

impl Lines<'_> {
    /// Reads the next line into `text`; `false` at the end.
    fn advance(&mut self) -> Result<bool, RecordingError> {
        self.line += 1;
        self.text.clear();
        let read = (&mut self.reader)
            .take(LINE_MAX)
            .read_until(b'\n', &mut self.text)
            .map_err(|source| RecordingError::Read { path: self.path.to_owned(), line: self.line, source })?;
        if read as u64 == LINE_MAX {
            return Err(self.malformed(&"the line is too long"));
        }
        Ok(read > 0)
    }

    /// The entry in `text`.
    fn entry(&mut self) -> Result<EntryAsRead, RecordingError> {
        let error = match serde_json::from_slice(&self.text) {
            Ok(Entry { seq, at, event }) => {
                self.tells_faults |= matches!(event, Event::FaultBegun { .. } | Event::FaultEnded { .. });
                return Ok(EntryAsRead { seq, at, event: Some(event) });
            }
            Err(error) => error,
        };
        let Ok(FormerEntry { seq, at, event }) = serde_json::from_slice(&self.text) else {
            return Err(self.malformed(&error));
        };
        let is_told = self.tells_faults && matches!(event, FormerEvent::Node { .. });
        Ok(EntryAsRead { seq, at, event: (!is_told).then(|| event.into()) })
    }

    fn malformed(&self, reason: &dyn std::fmt::Display) -> RecordingError {
        RecordingError::Malformed { path: self.path.to_owned(), line: self.line, reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::lab::{EditKind, KeyEdit, NodePlan, NoticeLevel, Preset, ReplyValue};
    use crate::node::{NodeEvent, StopReason, TimeGap};
    use crate::replication::{FullReason, PsyncVerdict, ReplId};

    fn story() -> Vec<Arc<Entry>> {
        let replid = ReplId::from_bytes([0xab; 20]);
        let reply = ReplyValue::Map(vec![
            (ReplyValue::Bulk(b"text".to_vec()), ReplyValue::Bulk(vec![0xff, 0x00])),
            (ReplyValue::Double(f64::INFINITY), ReplyValue::Double(1.5)),
            (ReplyValue::Null, ReplyValue::Verbatim("txt".into(), "line\nline".into())),
        ]);
        [
            Event::LabStarted { wall: "2026-01-01T00:00:00Z".into(), version: "0.1.0".into() },
            Event::ClusterPlanned {
                preset: Preset::Star { replicas: 1 },
                nodes: vec![NodePlan { node: NodeId(1), port: 7001, master: None }],
            },
            Event::Node {
                node: NodeId(1),
                event: NodeEvent::Psync {
                    replica_port: 7002,
                    asked: Some((replid, 10)),
                    verdict: PsyncVerdict::Full(FullReason::BeforeBacklog {
                        asked: 10,
                        first: 20,
                        needed: 30,
                    }),
                },
            },
            Event::Sample { node: NodeId(1), sample: Box::default() },
            Event::ConsoleReply {
                id: 7,
                node: NodeId(1),
                reply,
                took: Duration::from_micros(5),
                db: 3,
                in_multi: true,
            },
            Event::TimeGap(TimeGap::Stopped { lasted: Duration::from_secs(312) }),
            Event::Node { node: NodeId(1), event: NodeEvent::Stopped(StopReason::Killed) },
            Event::Notice { level: NoticeLevel::Error, node: None, text: "what failed".into() },
        ]
        .into_iter()
        .enumerate()
        .map(|(n, event)| Arc::new(Entry { seq: n as u64 * 3, at: Duration::from_micros(n as u64), event }))
        .collect()
    }

    fn written(lines: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.repliscope");
        fs::write(&path, lines).unwrap();
        (folder, path)
    }

    #[test]
    fn a_recording_reads_back_as_it_was_written_with_the_gaps_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.repliscope");
        let story = story();
        assert_eq!(write_recording(&path, &story).unwrap(), story.len());
        let read = read_recording(&path).unwrap();
        assert_eq!(read.len(), story.len());
        for (n, (read, written)) in read.iter().zip(&story).enumerate() {
            assert_eq!(read.seq, n as u64);
            assert_eq!((read.at, &read.event), (written.at, &written.event));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn an_old_recording_is_replaced_and_stays_when_the_new_one_fails() {
        let (folder, path) = written("old");
        write_recording(&path, &story()).unwrap();
        assert!(read_recording(&path).is_ok());

        let nowhere = folder.path().join("no such folder").join("b");
        let error = write_recording(&nowhere, &story()).unwrap_err();
        assert!(matches!(&error, RecordingError::Write { path, .. } if *path == nowhere), "{error}");
    }

    #[test]
    fn entries_that_nodes_stamped_a_little_out_of_order_are_read_as_they_are() {
        let mut story = story();
        story.swap(2, 3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.repliscope");
        write_recording(&path, &story).unwrap();
        let times: Vec<Duration> = read_recording(&path).unwrap().iter().map(|entry| entry.at).collect();
        assert_eq!(times, story.iter().map(|entry| entry.at).collect::<Vec<_>>());
    }

    /// A recording of these events.
    fn recording(events: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let entry = |(seq, event): (usize, &&str)| {
            format!("\n{{\"seq\":{seq},\"at\":{{\"secs\":{seq},\"nanos\":0}},\"event\":{event}}}")
        };
        let entries: String = events.iter().enumerate().map(entry).collect();
        written(&format!("{{\"format\":\"repliscope-journal\",\"version\":1}}{entries}\n"))
    }

    #[test]
    fn cuts_of_links_in_old_recordings_are_read_as_faults_and_told_once() {
        let node = NodeId(2);
        let asked_to_cut = Event::Asked(LabCommand::BeginFault { node, fault: Fault::Cut, lasts: None });
        let asked_to_heal = Event::Asked(LabCommand::HealFault { node, kind: FaultKind::Cut });
        let cut = Event::FaultBegun { node, fault: Fault::Cut, lasts: None };
        let healed = Event::FaultEnded { node, kind: FaultKind::Cut, how: FaultEnd::Healed };
        let restarted = Event::Asked(LabCommand::Restart(node));

        // The cut outlived a restart, after which the node told of it again.
        let (_folder, path) = recording(&[
            r#"{"Asked":{"CutLink":2}}"#,
            r#"{"FaultBegun":{"node":2,"fault":"Cut","lasts":null}}"#,
            r#"{"Node":{"node":2,"event":{"LinkCut":true}}}"#,
            r#"{"Asked":{"Restart":2}}"#,
            r#"{"Node":{"node":2,"event":{"LinkCut":true}}}"#,
            r#"{"Asked":{"HealLink":2}}"#,
            r#"{"FaultEnded":{"node":2,"kind":"Cut","how":"Healed"}}"#,
            r#"{"Node":{"node":2,"event":{"LinkCut":false}}}"#,
        ]);
        let read = read_recording(&path).unwrap();
        let told: Vec<_> = read.iter().map(|entry| (entry.seq, entry.at.as_secs(), &entry.event)).collect();
        let expected = [
            (0, 0, &asked_to_cut),
            (1, 1, &cut),
            (2, 3, &restarted),
            (3, 5, &asked_to_heal),
            (4, 6, &healed),
        ];
        assert_eq!(told, expected);

        // Older still: there were no faults beside the cut.
        let (_folder, path) = recording(&[
            r#"{"Asked":{"CutLink":2}}"#,
            r#"{"Node":{"node":2,"event":{"LinkCut":true}}}"#,
            r#"{"Asked":{"HealLink":2}}"#,
            r#"{"Node":{"node":2,"event":{"LinkCut":false}}}"#,
        ]);
        let told: Vec<_> = read_recording(&path).unwrap().into_iter().map(|entry| entry.event).collect();
        assert_eq!(told, [asked_to_cut, cut, asked_to_heal, healed]);
    }

    #[test]
    fn edits_of_keys_are_read_and_written_as_their_lines() {
        let events = [
            r#"{"Asked":{"Edit":{"id":1,"node":2,"db":3,"line":"DEL \"a b\""}}}"#,
            r#"{"Asked":{"Edit":{"id":2,"node":2,"db":3,"line":"SOMETHING old"}}}"#,
        ];
        let (_folder, path) = recording(&events);
        let told: Vec<_> = read_recording(&path).unwrap().into_iter().map(|entry| entry.event).collect();
        let edit = |id, edit| Event::Asked(LabCommand::Edit { id, node: NodeId(2), db: 3, edit });
        let deletion = KeyEdit { key: b"a b".to_vec(), kind: EditKind::Delete };
        let unknown = KeyEdit { key: Vec::new(), kind: EditKind::Line("SOMETHING old".to_owned()) };
        assert_eq!(told, [edit(1, deletion), edit(2, unknown)]);
        for (event, written) in told.iter().zip(events) {
            assert_eq!(serde_json::to_string(event).unwrap(), written);
        }
    }

    #[test]
    fn each_defect_of_a_file_is_told_with_file_and_line() {
        let header = r#"{"format":"repliscope-journal","version":1}"#;
        let entry = r#"{"seq":0,"at":{"secs":1,"nanos":0},"event":"ClusterStopped"}"#;
        for (text, expected) in [
            (String::new(), "is not a recording of Repliscope"),
            ("hello\n".into(), "is not a recording of Repliscope"),
            (r#"{"format":"other","version":1}"#.into(), "is not a recording of Repliscope"),
            (r#"{"format":"repliscope-journal","version":2}"#.into(), "has format version 2"),
            (format!("{header}\n{{"), "line 2: EOF"),
            (format!("{header}\n{entry}\n{entry}\n"), "line 3: entry 0 where 1 is due"),
            (
                format!("{header}\n{}\n", r#"{"seq":0,"at":{"secs":0,"nanos":5},"event":{"Teleported":1}}"#),
                "line 2: unknown variant `Teleported`",
            ),
        ] {
            let (_folder, path) = written(&text);
            let message = read_recording(&path).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("a.repliscope"), "{text:?}: {message}");
        }
        let error = read_recording(Path::new("/no/such/file")).unwrap_err();
        assert!(matches!(error, RecordingError::Open { .. }));
    }
}
