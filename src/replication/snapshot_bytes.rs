//! Where the bytes of a snapshot end on a connection that goes on with the stream.

use super::{EOF_MARK_LEN, SnapshotForm};

/// Tells a snapshot's bytes from what follows them.
#[derive(Debug, Clone)]
pub struct SnapshotBytes {
    form: SnapshotForm,
    received: u64,
}

impl SnapshotBytes {
    /// None of them have come.
    pub fn new(form: SnapshotForm) -> Self {
        Self { form, received: 0 }
    }

    /// Bytes of the snapshot that have come.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the whole snapshot, if its master has told.
    pub fn total(&self) -> Option<u64> {
        match self.form {
            SnapshotForm::Length(total) => Some(total),
            SnapshotForm::UntilMark(_) => None,
        }
    }

    /// How many bytes at the front of `chunk` surely belong to the snapshot, and whether they are its last.
    ///
    /// What lies behind the end goes to `beyond`; the mark itself vanishes. What else stays in `chunk` behind the
    /// bytes that are ready is to be given again, in front of what comes next.
    pub fn take(&mut self, chunk: &mut Vec<u8>, beyond: &mut Vec<u8>) -> (usize, bool) {
        let (ready, is_last) = self.split(chunk, beyond);
        self.received += ready as u64;
        (ready, is_last)
    }

    fn split(&self, chunk: &mut Vec<u8>, beyond: &mut Vec<u8>) -> (usize, bool) {
        match &self.form {
            SnapshotForm::Length(total) => {
                let left = usize::try_from(total - self.received).unwrap_or(usize::MAX);
                if chunk.len() < left {
                    return (chunk.len(), false);
                }
                beyond.extend(chunk.drain(left..));
                (left, true)
            }
            SnapshotForm::UntilMark(mark) => {
                // The last bytes may be the mark, or its beginning: they are held back.
                let ready = chunk.len().saturating_sub(EOF_MARK_LEN);
                let is_last = chunk[ready..] == mark[..];
                if is_last {
                    chunk.truncate(ready);
                }
                (ready, is_last)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `sent` in chunks of `size`; returns the snapshot and what is behind it.
    fn receive(form: SnapshotForm, sent: &[u8], size: usize) -> (Vec<u8>, Vec<u8>) {
        let mut bytes = SnapshotBytes::new(form);
        let (mut got, mut beyond, mut chunk) = (Vec::new(), Vec::new(), Vec::new());
        let mut pieces = sent.chunks(size);
        for piece in pieces.by_ref() {
            chunk.extend_from_slice(piece);
            let (ready, is_last) = bytes.take(&mut chunk, &mut beyond);
            got.extend(chunk.drain(..ready));
            if is_last {
                break;
            }
        }
        beyond.extend(pieces.flatten());
        (got, beyond)
    }

    #[test]
    fn a_length_or_a_mark_ends_it_wherever_the_chunks_end() {
        for size in 1..120 {
            let (got, beyond) = receive(SnapshotForm::Length(10), b"REDIS snapstream", size);
            assert_eq!((&got[..], &beyond[..]), (&b"REDIS snap"[..], &b"stream"[..]), "{size}");
            let mark = *b"0123456789abcdef0123456789abcdef01234567";
            let sent = [&b"REDIS 0123456789 and some"[..], &mark].concat();
            let (got, beyond) = receive(SnapshotForm::UntilMark(mark), &sent, size);
            assert_eq!((&got[..], &beyond[..]), (&b"REDIS 0123456789 and some"[..], &b""[..]), "{size}");
        }
    }
}
