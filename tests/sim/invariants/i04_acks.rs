//! I4: what a replica acknowledges is what it has applied; nobody acknowledges what was never written.

use super::Verdicts;

#[derive(Debug)]
pub struct Acks {
    verdicts: Verdicts,
}

impl Acks {
    pub fn new(verdicts: &Verdicts) -> Self {
        Self { verdicts: verdicts.clone() }
    }

    /// A replica sends these bytes to its master while it has applied `offset`.
    pub fn sent(&self, node: usize, bytes: &[u8], offset: u64) {
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.split("\r\n").filter(|word| !word.starts_with(['*', '$']));
        let is_ack = words.next() == Some("REPLCONF") && words.next() == Some("ACK");
        let acked = words.next().and_then(|word| word.parse::<u64>().ok());
        if let (true, Some(acked)) = (is_ack, acked)
            && acked > offset
        {
            self.verdicts.fail("I4", &format!("n{node} acknowledges {acked} and has applied {offset}"));
        }
    }

    /// A master has dropped a replica for its ACK.
    pub fn lied(&self, node: usize, fault: &str) {
        self.verdicts.fail("I4", &format!("n{node} was told a wrong ACK: {fault}"));
    }
}
