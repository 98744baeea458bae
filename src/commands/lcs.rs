//! LCS: the longest common subsequence of two strings.

use super::{ArgCursor, CmdError, CmdResult, Ctx};
use crate::protocol::{Args, Replies};

/// The options of LCS.
#[derive(Debug, Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: i64,
}

impl Options {
    fn parse(args: &Args<'_>) -> CmdResult<Self> {
        let mut options = Self::default();
        let mut words = ArgCursor::new(args, 3);
        while words.has_more() {
            if words.flag("LEN") {
                options.len = true;
            } else if words.flag("IDX") {
                options.idx = true;
            } else if words.flag("WITHMATCHLEN") {
                options.with_match_len = true;
            } else if let Some(least) = words.integer("MINMATCHLEN")? {
                options.min_match_len = least;
            } else {
                return Err(CmdError::Syntax);
            }
        }
        if options.len && options.idx {
            return Err(CmdError::text("ERR If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]`. O(product of the lengths), in time and, but
/// for LEN, in memory, which is bound by the size of the longest string allowed.
///
/// # Errors
/// For keys that hold no strings, and for strings that would need too much memory.
pub(super) fn lcs(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (first, second) = (operand(ctx, args.get(1))?, operand(ctx, args.get(2))?);
    let options = Options::parse(args)?;
    let cells = (first.len() + 1).checked_mul(second.len() + 1);
    let bytes = cells.and_then(|cells| cells.checked_mul(size_of::<u32>()));
    if bytes.is_none_or(|bytes| bytes > ctx.max_string) {
        let text = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        return Err(CmdError::text(text));
    }
    if options.len {
        ctx.out.integer(length(&first, &second).into());
        return Ok(());
    }
    let table = Table::fill(&first, &second);
    let runs = table.runs(&first, &second);
    if options.idx {
        write_matches(ctx.out, &runs, table.get(first.len(), second.len()), &options);
    } else {
        let parts = runs.iter().rev().map(|run| &first[run.first..run.first + run.len]);
        ctx.out.bulk(&parts.collect::<Vec<_>>().concat());
    }
    Ok(())
}

fn operand(ctx: &mut Ctx<'_>, key: &[u8]) -> CmdResult<Vec<u8>> {
    let no_string = CmdError::text("ERR The specified keys must contain string values");
    match ctx.read(key) {
        None => Ok(Vec::new()),
        Some(entry) => entry.value().as_str().map(<[u8]>::to_vec).ok_or(no_string),
    }
}

/// The length alone needs one row of the table at a time.
fn length(first: &[u8], second: &[u8]) -> u32 {
    let mut row = vec![0u32; second.len() + 1];
    for a in first {
        let mut diagonal = 0;
        for (at, b) in second.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if a == b { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[second.len()]
}

/// Bytes that both strings share without a gap.
#[derive(Debug)]
struct Run {
    first: usize,
    second: usize,
    len: usize,
}

/// The length of the longest common subsequence of each pair of prefixes.
struct Table {
    cells: Vec<u32>,
    width: usize,
}

impl Table {
    fn fill(first: &[u8], second: &[u8]) -> Self {
        let width = second.len() + 1;
        let mut table = Self { cells: vec![0; (first.len() + 1) * width], width };
        for (i, a) in first.iter().enumerate() {
            for (j, b) in second.iter().enumerate() {
                let longest =
                    if a == b { table.get(i, j) + 1 } else { table.get(i + 1, j).max(table.get(i, j + 1)) };
                table.cells[(i + 1) * width + j + 1] = longest;
            }
        }
        table
    }

    fn get(&self, first_len: usize, second_len: usize) -> u32 {
        self.cells[first_len * self.width + second_len]
    }

    /// Walks back from the ends of both strings; the last run comes first. Where two ways are equally long,
    /// the second string is shortened, as Redis does.
    fn runs(&self, first: &[u8], second: &[u8]) -> Vec<Run> {
        let (mut i, mut j) = (first.len(), second.len());
        let mut runs: Vec<Run> = Vec::new();
        while i > 0 && j > 0 {
            if first[i - 1] == second[j - 1] {
                (i, j) = (i - 1, j - 1);
                match runs.last_mut() {
                    Some(run) if run.first == i + 1 && run.second == j + 1 => {
                        *run = Run { first: i, second: j, len: run.len + 1 };
                    }
                    _ => runs.push(Run { first: i, second: j, len: 1 }),
                }
            } else if self.get(i - 1, j) > self.get(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        runs
    }
}

fn write_matches(out: &mut Replies, runs: &[Run], longest: u32, options: &Options) {
    let shown: Vec<&Run> = runs.iter().filter(|run| run.len as i64 >= options.min_match_len).collect();
    out.map(2);
    out.bulk(b"matches");
    out.array(shown.len());
    for run in shown {
        out.array(2 + usize::from(options.with_match_len));
        for start in [run.first, run.second] {
            out.array(2);
            out.integer(start as i64);
            out.integer((start + run.len - 1) as i64);
        }
        if options.with_match_len {
            out.integer(run.len as i64);
        }
    }
    out.bulk(b"len");
    out.integer(longest.into());
}
