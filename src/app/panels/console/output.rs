//! Replies as rows of text, each with the RESP type that it came as.

use eframe::egui::Color32;

use crate::app::format;
use crate::app::theme::Tokens;
use crate::lab::model::{ConsoleLine, ConsoleMessage, LabModel, Transcript};
use crate::lab::{ConsoleTarget, NodeId, ReplyValue, escape};

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
    made_for: Option<(ConsoleTarget, u64, usize, usize, u64, u64)>,
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
        let messages = transcript.lines.iter().map(|line| line.messages.len() as u64 + line.unkept).sum();
        let state = (target, last, transcript.lines.len(), answers, messages, cleared);
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
    if line.answers.is_empty() && line.messages.is_empty() {
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
    if line.unkept > 0 {
        let text = format!("… {} messages were not kept", format::number(line.unkept));
        push(rows, 0, String::new(), "", Tone::Structure, &text);
    }
    for message in &line.messages {
        if all {
            rows.push(Row::From { node: message.node, port: model.port(message.node) });
        }
        message_rows(message, rows);
    }
}

/// What came unasked: its time, and a message of a channel on one row.
fn message_rows(message: &ConsoleMessage, rows: &mut Vec<Row>) {
    let label = format::clock(message.at);
    let (ReplyValue::Push(items) | ReplyValue::Array(items)) = &message.value else {
        value_rows(&message.value, 0, label, rows);
        return;
    };
    let flat = items
        .iter()
        .all(|item| !matches!(item, ReplyValue::Array(_) | ReplyValue::Map(_) | ReplyValue::Set(_)));
    if !flat {
        value_rows(&message.value, 0, label, rows);
        return;
    }
    let parts: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(index, item)| match item {
            ReplyValue::Bulk(word) if index == 0 => String::from_utf8_lossy(word).into_owned(),
            ReplyValue::Bulk(bytes) => quoted(bytes),
            other => crate::app::describe::reply(other),
        })
        .collect();
    push(rows, 0, label, "message", Tone::Text, &parts.join("  "));
}

fn value_rows(value: &ReplyValue, indent: usize, label: String, rows: &mut Vec<Row>) {
    use ReplyValue as R;
    match value {
        R::Simple(text) => push(rows, indent, label, "status", Tone::Status, text),
        R::Error(text) => push(rows, indent, label, "error", Tone::Error, text),
        R::Integer(value) => push(rows, indent, label, "integer", Tone::Number, &value.to_string()),
        R::Double(value) => push(rows, indent, label, "double", Tone::Number, &double(*value)),
        R::BigNumber(text) => push(rows, indent, label, "big number", Tone::Number, text),
        R::Boolean(value) => push(rows, indent, label, "boolean", Tone::Number, &value.to_string()),
        R::Null => push(rows, indent, label, "null", Tone::Nothing, "nil"),
        R::Bulk(bytes) => bulk_rows(bytes, indent, label, rows),
        R::Verbatim(_, text) => text_rows(text, indent, label, "verbatim", rows),
        R::Array(items) => items_rows(items, ("array", ')'), indent, label, rows),
        R::Set(items) => items_rows(items, ("set", '~'), indent, label, rows),
        R::Push(items) => items_rows(items, ("push", ')'), indent, label, rows),
        R::Map(pairs) => {
            let size = match pairs.len() {
                0 => "empty".to_owned(),
                1 => "1 pair".to_owned(),
                count => format!("{count} pairs"),
            };
            push(rows, indent, label, "map", Tone::Structure, &size);
            let digits = pairs.len().to_string().len();
            for (index, (key, value)) in pairs.iter().enumerate() {
                let number = index + 1;
                value_rows(value, indent + 1, format!("{number:>digits$}# {} =>", key_text(key)), rows);
            }
        }
        R::ConnectionFailed(text) => push(rows, indent, label, "no reply", Tone::Error, text),
    }
}

/// A double as redis-cli writes it: no more digits than it needs, very large and small ones by their exponent.
fn double(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-4..1e17).contains(&size) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// Elements with their numbers, which end in redis-cli's mark of the type.
fn items_rows(
    items: &[ReplyValue],
    (tag, mark): (&'static str, char),
    indent: usize,
    label: String,
    rows: &mut Vec<Row>,
) {
    let size = if items.is_empty() { "empty".to_owned() } else { format!("{} elements", items.len()) };
    push(rows, indent, label, tag, Tone::Structure, &size);
    let digits = items.len().to_string().len();
    for (index, item) in items.iter().enumerate() {
        value_rows(item, indent + 1, format!("{:>digits$}{mark}", index + 1), rows);
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
    format!("\"{}\"", escape(&bytes[..bytes.len().min(ROW_MAX * 4)]))
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
                "1|3)|1 pair|map",
                "2|1# k =>|nil|null",
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

    #[test]
    fn types_of_resp3_have_the_marks_of_redis_cli() {
        let set = ReplyValue::Set(vec![ReplyValue::Boolean(true), ReplyValue::Double(f64::NEG_INFINITY)]);
        assert_eq!(texts(&set), ["0||2 elements|set", "1|1~|true|boolean", "1|2~|-inf|double"]);
        let big = ReplyValue::BigNumber("123456789012345678901".into());
        assert_eq!(texts(&big), ["0||123456789012345678901|big number"]);
        assert_eq!(texts(&ReplyValue::Verbatim("txt".into(), "a\nb".into())), ["0||a|verbatim", "0||b|"]);
        assert_eq!(texts(&ReplyValue::Map(Vec::new())), ["0||empty|map"]);
        let numbers = [1.5, 3.0, 0.0, 1e300, 1e-9, f64::NAN].map(double);
        assert_eq!(numbers, ["1.5", "3", "0", "1e300", "1e-9", "NaN"]);
    }

    #[test]
    fn a_message_takes_one_row_and_an_invalidation_names_its_keys() {
        let said = |value| {
            let message = ConsoleMessage { at: std::time::Duration::from_secs(61), node: NodeId(1), value };
            let mut rows = Vec::new();
            message_rows(&message, &mut rows);
            rows.into_iter()
                .map(|row| {
                    if let Row::Value { label, text, .. } = row {
                        format!("{label} {text}")
                    } else {
                        String::new()
                    }
                })
                .collect::<Vec<_>>()
        };
        let bulk = |text: &str| ReplyValue::Bulk(text.as_bytes().to_vec());
        let parts = vec![bulk("message"), bulk("news"), bulk("it \u{1}")];
        assert_eq!(said(ReplyValue::Array(parts)), ["01:01.000 message  \"news\"  \"it \\x01\""]);
        let keys = ReplyValue::Array(vec![bulk("k")]);
        let rows = said(ReplyValue::Push(vec![bulk("invalidate"), keys]));
        assert!(
            rows[1].contains("invalidate") && rows.last().is_some_and(|row| row.contains("\"k\"")),
            "{rows:?}"
        );
    }
}
