//! Replies as rows of text, each with the RESP type that it came as.

use eframe::egui::Color32;

use crate::app::format;
use crate::app::theme::Tokens;
use crate::lab::model::{ConsoleLine, LabModel, Transcript};
use crate::lab::{ConsoleTarget, NodeId, ReplyValue};

/// Rows that are kept of a transcript: the newest ones.
const ROWS_MAX: usize = 5_000;
/// Characters of one row; a longer value is cut there.
const ROW_MAX: usize = 2_000;

/// One row of the transcript.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    /// What was typed, after the prompt.
    Typed { prompt: String, line: String },
    /// Whose answer follows, where several answer.
    From { node: NodeId, port: u16 },
    /// A value, or part of one.
    Value { indent: usize, label: String, tag: &'static str, tone: Tone, text: String },
    /// Nothing came yet.
    Waiting,
}

/// What a value is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Text,
    Status,
    Number,
    Nothing,
    Error,
    Structure,
}

pub(super) fn colour(tone: Tone, tokens: &Tokens) -> Color32 {
    match tone {
        Tone::Text => tokens.text,
        Tone::Status => tokens.good,
        Tone::Number => tokens.series(1),
        Tone::Nothing | Tone::Structure => tokens.dim,
        Tone::Error => tokens.bad,
    }
}

/// The rows of the target that is shown, made again only when something came.
#[derive(Default)]
pub(super) struct Output {
    rows: Vec<Row>,
    made_for: Option<(ConsoleTarget, u64, usize, usize, u64)>,
    cleared: std::collections::HashMap<ConsoleTarget, u64>,
}

impl Output {
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Hides what was said so far.
    pub(super) fn clear(&mut self, model: &LabModel, target: ConsoleTarget) {
        let last =
            model.transcript(target).and_then(|transcript| transcript.lines.back()).map_or(0, |line| line.id);
        self.cleared.insert(target, last);
        self.made_for = None;
    }

    /// Brings the rows up to date.
    pub(super) fn follow(&mut self, model: &LabModel, target: ConsoleTarget) {
        let cleared = self.cleared.get(&target).copied().unwrap_or(0);
        let empty = Transcript::default();
        let transcript = model.transcript(target).unwrap_or(&empty);
        let answers = transcript.lines.iter().map(|line| line.answers.len()).sum();
        let last = transcript.lines.back().map_or(0, |line| line.id);
        let state = (target, last, transcript.lines.len(), answers, cleared);
        if self.made_for == Some(state) {
            return;
        }
        self.made_for = Some(state);
        self.rows.clear();
        let all = target == ConsoleTarget::All;
        for line in transcript.lines.iter().filter(|line| line.id > cleared) {
            line_rows(model, line, all, &mut self.rows);
        }
        let surplus = self.rows.len().saturating_sub(ROWS_MAX);
        self.rows.drain(..surplus);
    }
}

fn line_rows(model: &LabModel, line: &ConsoleLine, all: bool, rows: &mut Vec<Row>) {
    rows.push(Row::Typed { prompt: format!("{} >", format::clock(line.at)), line: line.line.clone() });
    if line.answers.is_empty() {
        rows.push(Row::Waiting);
    }
    for answer in &line.answers {
        if all {
            rows.push(Row::From { node: answer.node, port: model.port(answer.node) });
        }
        value_rows(&answer.reply, 0, String::new(), rows);
        if answer.clipped {
            push(rows, 0, String::new(), "", Tone::Structure, "… the rest was not kept");
        }
    }
}

fn value_rows(value: &ReplyValue, indent: usize, label: String, rows: &mut Vec<Row>) {
    use ReplyValue as R;
    match value {
        R::Simple(text) => push(rows, indent, label, "status", Tone::Status, text),
        R::Error(text) => push(rows, indent, label, "error", Tone::Error, text),
        R::Integer(value) => push(rows, indent, label, "integer", Tone::Number, &value.to_string()),
        R::Double(value) => push(rows, indent, label, "double", Tone::Number, &value.to_string()),
        R::BigNumber(text) => push(rows, indent, label, "big number", Tone::Number, text),
        R::Boolean(value) => push(rows, indent, label, "boolean", Tone::Number, &value.to_string()),
        R::Null => push(rows, indent, label, "null", Tone::Nothing, "nil"),
        R::Bulk(bytes) => bulk_rows(bytes, indent, label, rows),
        R::Verbatim(_, text) => text_rows(text, indent, label, "verbatim", rows),
        R::Array(items) => items_rows(items, "array", indent, label, rows),
        R::Set(items) => items_rows(items, "set", indent, label, rows),
        R::Push(items) => items_rows(items, "push", indent, label, rows),
        R::Map(pairs) => {
            let size = format!("{} pairs", pairs.len());
            push(rows, indent, label, "map", Tone::Structure, &size);
            for (key, value) in pairs {
                value_rows(value, indent + 1, format!("{} =>", key_text(key)), rows);
            }
        }
        R::ConnectionFailed(text) => push(rows, indent, label, "no reply", Tone::Error, text),
    }
}

fn items_rows(items: &[ReplyValue], tag: &'static str, indent: usize, label: String, rows: &mut Vec<Row>) {
    let size = if items.is_empty() { "empty".to_owned() } else { format!("{} elements", items.len()) };
    push(rows, indent, label, tag, Tone::Structure, &size);
    let digits = items.len().to_string().len();
    for (index, item) in items.iter().enumerate() {
        value_rows(item, indent + 1, format!("{:>digits$})", index + 1), rows);
    }
}

/// Text of several lines, such as that of INFO, is shown as lines; all else in quotes with escapes.
fn bulk_rows(bytes: &[u8], indent: usize, label: String, rows: &mut Vec<Row>) {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('\n') && !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => {
            text_rows(text, indent, label, "string", rows);
        }
        _ => push(rows, indent, label, "string", Tone::Text, &quoted(bytes)),
    }
}

fn text_rows(text: &str, indent: usize, mut label: String, tag: &'static str, rows: &mut Vec<Row>) {
    let mut tag = tag;
    for line in text.lines() {
        push(rows, indent, std::mem::take(&mut label), std::mem::take(&mut tag), Tone::Text, line);
    }
}

fn key_text(key: &ReplyValue) -> String {
    match key {
        ReplyValue::Bulk(bytes) => quoted(bytes),
        other => crate::app::describe::reply(other),
    }
}

fn push(rows: &mut Vec<Row>, indent: usize, label: String, tag: &'static str, tone: Tone, text: &str) {
    let mut text = text.replace('\t', "    ");
    if let Some((end, _)) = text.char_indices().nth(ROW_MAX) {
        text.truncate(end);
        text.push('…');
    }
    rows.push(Row::Value { indent, label, tag, tone, text });
}

/// Bytes as redis-cli prints them: in quotes, with escapes for what cannot be seen.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes[..bytes.len().min(ROW_MAX * 4)].utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                letter if letter.is_control() => {
                    let mut buffer = [0; 4];
                    for byte in letter.encode_utf8(&mut buffer).bytes() {
                        escape(byte, &mut out);
                    }
                }
                letter => out.push(letter),
            }
        }
        for byte in chunk.invalid() {
            escape(*byte, &mut out);
        }
    }
    out.push('"');
    out
}

/// `\x0a` and the like.
fn escape(byte: u8, out: &mut String) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(value: &ReplyValue) -> Vec<String> {
        let mut rows = Vec::new();
        value_rows(value, 0, String::new(), &mut rows);
        rows.iter()
            .map(|row| match row {
                Row::Value { indent, label, tag, text, .. } => format!("{indent}|{label}|{text}|{tag}"),
                _ => String::new(),
            })
            .collect()
    }

    #[test]
    fn what_cannot_be_seen_is_escaped_and_the_rest_is_shown() {
        assert_eq!(quoted(b"a\"b\\c\r\n\x00\xff\xc3\xa9"), "\"a\\\"b\\\\c\\r\\n\\x00\\xffé\"");
    }

    #[test]
    fn nested_replies_keep_their_types_and_their_order() {
        let reply = ReplyValue::Array(vec![
            ReplyValue::Bulk(b"slave".to_vec()),
            ReplyValue::Integer(7001),
            ReplyValue::Map(vec![(ReplyValue::Simple("k".into()), ReplyValue::Null)]),
            ReplyValue::Error("ERR no".into()),
        ]);
        assert_eq!(
            texts(&reply),
            [
                "0||4 elements|array",
                "1|1)|\"slave\"|string",
                "1|2)|7001|integer",
                "1|3)|1 pairs|map",
                "2|k =>|nil|null",
                "1|4)|ERR no|error",
            ]
        );
    }

    #[test]
    fn text_of_several_lines_is_shown_as_lines() {
        let info = ReplyValue::Bulk(b"# Replication\r\nrole:master\r\n".to_vec());
        assert_eq!(texts(&info), ["0||# Replication|string", "0||role:master|"]);
    }

    #[test]
    fn a_huge_value_makes_a_bounded_row() {
        let rows = texts(&ReplyValue::Bulk(vec![b'x'; 1 << 20]));
        assert!(rows.len() == 1 && rows[0].len() < ROW_MAX + 100);
    }
}
