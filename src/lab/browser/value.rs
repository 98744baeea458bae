//! Pages of a value, each type in the order in which it is read.

use super::look::{Cell, Group, ValuePage};
use super::{Browser, Failure, Words, bytes, integer, items, refused, strange, words};
use crate::lab::KeyType;
use crate::lab::client::text;
use crate::protocol::frame::Frame;

/// Elements of one page.
const ELEMENTS: u64 = 200;

/// Bytes of a string of one page.
const BYTES: u64 = 16 << 10;

/// Consumer groups that are listed.
const GROUPS_MAX: usize = 200;

impl Browser {
    /// The page of `key` that begins at `from`.
    pub(super) async fn value(&mut self, db: u16, key: &[u8], from: &str) -> Result<ValuePage, Failure> {
        self.select(db).await?;
        let info = self.describe(vec![key.to_vec()]).await?.pop().ok_or(Failure::Gone)?;
        let len = info.len.unwrap_or(0);
        let mut page = ValuePage { info, from: from.to_owned(), ..ValuePage::default() };
        let Some(command) = read(&page.info.kind, key, from)? else { return Ok(page) };
        let frame = refused(self.call(command).await?)?;
        match page.info.kind {
            KeyType::String => {
                let start = number(from)?;
                page.rows = vec![vec![Cell::new(bytes(frame).ok_or_else(strange)?)]];
                page.next = (start + BYTES < len).then(|| (start + BYTES).to_string());
            }
            KeyType::List => {
                let start = number(from)?;
                page.rows = cells(items(frame).ok_or_else(strange)?, 1);
                page.next = (start + ELEMENTS < len).then(|| (start + ELEMENTS).to_string());
            }
            KeyType::SortedSet => {
                let start = number(from)?;
                page.rows = cells(items(frame).ok_or_else(strange)?, 2);
                page.next = (start + ELEMENTS < len).then(|| (start + ELEMENTS).to_string());
            }
            KeyType::Stream => {
                page.rows = entries(frame)?;
                let last = page.rows.last().and_then(|row| row.first()).map(|id| text(&id.bytes));
                page.next = last.filter(|_| page.rows.len() as u64 == ELEMENTS);
                if from.is_empty() {
                    page.groups = self.groups(key).await?;
                }
            }
            KeyType::Set | KeyType::Hash | KeyType::Other(_) => {
                let mut parts = items(frame).ok_or_else(strange)?.into_iter();
                let cursor = parts.next().and_then(bytes).ok_or_else(strange)?;
                let wide = if page.info.kind == KeyType::Hash { 2 } else { 1 };
                page.rows = cells(parts.next().and_then(items).ok_or_else(strange)?, wide);
                page.next = (cursor != b"0").then(|| text(&cursor));
            }
        }
        Ok(page)
    }

    async fn groups(&mut self, key: &[u8]) -> Result<Vec<Group>, Failure> {
        // Groups are an extra: a node that cannot tell of them still shows its entries.
        let frame = self.call(words(&[b"XINFO", b"GROUPS", key])).await?;
        Ok(items(frame).unwrap_or_default().into_iter().take(GROUPS_MAX).filter_map(group).collect())
    }
}

/// The command that reads the page from `from`; `None` for a type that is not known.
fn read(kind: &KeyType, key: &[u8], from: &str) -> Result<Option<Words>, Failure> {
    let range = |command: &[u8], wide: u64| {
        let start = number(from)?;
        let (start, end) = (start.to_string(), (start.saturating_add(wide) - 1).to_string());
        Ok::<_, Failure>(words(&[command, key, start.as_bytes(), end.as_bytes()]))
    };
    let count = ELEMENTS.to_string();
    let cursor = if from.is_empty() { "0" } else { from };
    let scan = |command: &[u8]| words(&[command, key, cursor.as_bytes(), b"COUNT", count.as_bytes()]);
    Ok(Some(match kind {
        KeyType::String => range(b"GETRANGE", BYTES)?,
        KeyType::List => range(b"LRANGE", ELEMENTS)?,
        KeyType::SortedSet => {
            let mut command = range(b"ZRANGE", ELEMENTS)?;
            command.push(b"WITHSCORES".to_vec());
            command
        }
        KeyType::Set => scan(b"SSCAN"),
        KeyType::Hash => scan(b"HSCAN"),
        KeyType::Stream => {
            let start = if from.is_empty() { "-".to_owned() } else { format!("({from}") };
            words(&[b"XRANGE", key, start.as_bytes(), b"+", b"COUNT", count.as_bytes()])
        }
        KeyType::Other(_) => return Ok(None),
    }))
}

fn number(from: &str) -> Result<u64, Failure> {
    if from.is_empty() { Ok(0) } else { from.parse().map_err(|_| strange()) }
}

/// Rows of this many cells each.
fn cells(frames: Vec<Frame>, wide: usize) -> Vec<Vec<Cell>> {
    let cells: Vec<Cell> = frames.into_iter().filter_map(bytes).map(Cell::new).collect();
    cells.chunks_exact(wide).map(<[Cell]>::to_vec).collect()
}

/// Entries of a stream: id, then fields and values.
fn entries(frame: Frame) -> Result<Vec<Vec<Cell>>, Failure> {
    let mut rows = Vec::new();
    for entry in items(frame).ok_or_else(strange)? {
        let mut parts = items(entry).ok_or_else(strange)?.into_iter();
        let id = parts.next().and_then(bytes).ok_or_else(strange)?;
        let fields = parts.next().and_then(items).unwrap_or_default();
        let mut row = vec![Cell::new(id)];
        row.extend(fields.into_iter().filter_map(bytes).map(Cell::new));
        rows.push(row);
    }
    Ok(rows)
}

fn group(frame: Frame) -> Option<Group> {
    let mut group = Group::default();
    let mut fields = items(frame)?.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        match bytes(name)?.as_slice() {
            b"name" => group.name = Cell::new(bytes(value)?),
            b"consumers" => group.consumers = integer(&value)?,
            b"pending" => group.pending = integer(&value)?,
            b"last-delivered-id" => group.last_id = text(&bytes(value)?),
            b"lag" => group.lag = integer(&value),
            _ => {}
        }
    }
    Some(group)
}
