//! The replica's side of one replication link: handshake, sync, heartbeat, time-outs, reconnects.
//!
//! Owns where the link stands and what may be continued after a cut. It must not know sockets or clocks, and
//! it never sees the stream's bytes: the driver reads them, applies them and tells how many.
//!
//! While the link is in its line phases (up to [`LinkAction::ReceiveSnapshot`] or
//! [`LinkAction::StartStreaming`]), the driver hands over one line at a time and looks at the actions before it
//! takes the next: the bytes behind those lines are a snapshot or a stream.

use std::time::Duration;

use super::link_event::{Granted, LinkAction, LinkConfig, LinkEvent, LinkStep, MasterAuth};
use super::master_reply::{LinkError, PsyncReply, SnapshotForm, parse_preamble, parse_psync_reply, shown};
use super::{ReplId, ReplOffset, encode_command};

/// Shortest and longest pause before a reconnect.
const RETRY_MIN: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A pause lasts a twentieth of the time that the link is down already: quick after a short cut, cheap in a long
/// one, and the link is never back much later than the master.
const RETRY_SHARE: u32 = 20;

/// A link that streamed for less than this did not work: its loss is followed by a pause.
const PROVEN_AFTER: Duration = Duration::from_millis(50);

/// Once a second, less what a timer may come early: a tick at 0.999 s must not be passed over.
const SPEAK_PERIOD: Duration = Duration::from_millis(900);

/// A history and how far it was applied.
pub type Held = (ReplId, ReplOffset);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting,
    Connecting,
    Ping,
    /// Replies still to come; the last one of [`Reply`] is answered by PSYNC.
    Replconf {
        pending: Vec<Reply>,
    },
    Psync,
    WaitSnapshot {
        of: Option<Held>,
    },
    Transfer {
        of: Option<Held>,
    },
    Load {
        of: Option<Held>,
    },
    Streaming {
        since: Duration,
        /// A master that knows only SYNC does not know ACK either.
        acknowledge: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Auth,
    Option,
}

/// The replica's side of one replication link.
#[derive(Debug)]
pub struct ReplicaLink {
    config: LinkConfig,
    state: State,
    held: Option<Held>,
    heard: Duration,
    spoke: Duration,
    down_since: Option<Duration>,
    /// The next PSYNC asks its receiver to become the master (FAILOVER).
    hands_over: bool,
}

impl ReplicaLink {
    /// A link that is not connected yet; `held` is the history that the data set belongs to, if it can be continued.
    pub fn new(config: LinkConfig, held: Option<(ReplId, ReplOffset)>) -> Self {
        let never = Duration::ZERO;
        Self {
            config,
            state: State::Waiting,
            held,
            heard: never,
            spoke: never,
            down_since: None,
            hands_over: false,
        }
    }

    /// The history and the offset applied, which the next PSYNC tries to continue.
    pub fn held(&self) -> Option<(ReplId, ReplOffset)> {
        self.held
    }

    /// The other side is a replica of ours that is to take over: PSYNC says so until it is answered.
    pub fn hand_over(&mut self) {
        self.hands_over = true;
    }

    /// The data set was changed or dropped beside the link: nothing can be continued.
    pub fn forget(&mut self) {
        self.held = None;
    }

    /// `master_link_status:up`: the stream flows.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Streaming { .. })
    }

    /// `master_sync_in_progress`: a snapshot is awaited, arrives or is loaded.
    pub fn is_syncing(&self) -> bool {
        matches!(self.state, State::WaitSnapshot { .. } | State::Transfer { .. } | State::Load { .. })
    }

    /// Since when nothing came from the master.
    pub fn heard(&self) -> Duration {
        self.heard
    }

    /// ROLE's word for the state.
    pub fn role_word(&self) -> &'static str {
        match self.state {
            State::Waiting => "connect",
            State::Connecting => "connecting",
            State::Ping | State::Replconf { .. } | State::Psync => "handshake",
            State::WaitSnapshot { .. } | State::Transfer { .. } | State::Load { .. } => "sync",
            State::Streaming { .. } => "connected",
        }
    }

    /// Changes the parameters, for this connection as far as they still matter.
    pub fn configure(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// Advances by one event; `out` receives what the driver must do, in this order.
    ///
    /// An event that does not fit the state is one that crossed a [`LinkAction::Close`] on its way, and is ignored.
    pub fn on_event(&mut self, now: Duration, event: LinkEvent<'_>, out: &mut Vec<LinkAction>) {
        use LinkEvent as On;
        if matches!(event, On::SocketOpen | On::Line(_) | On::Received) {
            self.heard = now;
        }
        match event {
            On::ConnectNow => self.connect(now, out),
            On::SocketOpen if self.state == State::Connecting => {
                send(out, &[b"PING"]);
                self.enter(State::Ping, out);
            }
            On::ConnectFailed(reason) if self.state == State::Connecting => {
                self.fail(now, LinkError::ConnectFailed(reason), out);
            }
            On::Lost(reason) if self.is_connected() => self.fail(now, LinkError::Lost(reason), out),
            // Neither counted nor answered: the master says that it lives.
            On::Line([]) => {}
            On::Line(line) => {
                if let Err(error) = self.on_line(now, line, out) {
                    self.fail(now, error, out);
                }
            }
            On::SnapshotReceived => {
                if let State::Transfer { of } = self.state {
                    self.enter(State::Load { of }, out);
                }
            }
            On::SnapshotLoaded => {
                if let State::Load { of } | State::Transfer { of } = self.state {
                    self.held = of;
                    self.stream(now, of.is_some(), out);
                }
            }
            On::SnapshotFailed(reason) if self.is_syncing() => {
                self.fail(now, LinkError::SnapshotFailed(reason), out);
            }
            On::Applied(bytes) => {
                if let (State::Streaming { .. }, Some((_, offset))) = (&self.state, &mut self.held) {
                    *offset += bytes;
                }
            }
            On::GetAck => self.acknowledge(now, out),
            On::StreamRefused(reason) if self.is_up() => {
                // What was refused is in the master's data and not in ours: that is no history to continue.
                self.held = None;
                self.fail(now, LinkError::StreamRefused(reason), out);
            }
            On::Tick => self.on_tick(now, out),
            _ => {}
        }
    }

    fn is_connected(&self) -> bool {
        !matches!(self.state, State::Waiting | State::Connecting)
    }

    fn connect(&mut self, now: Duration, out: &mut Vec<LinkAction>) {
        if self.state == State::Waiting {
            self.heard = now;
            self.down_since.get_or_insert(now);
            out.push(LinkAction::Connect);
            self.enter(State::Connecting, out);
        }
    }

    fn on_line(&mut self, now: Duration, line: &[u8], out: &mut Vec<LinkAction>) -> Result<(), LinkError> {
        match &mut self.state {
            State::Ping => {
                accept_pong(line)?;
                let pending = self.introduce(out);
                self.enter(State::Replconf { pending }, out);
            }
            State::Replconf { pending } => {
                let reply = pending.remove(0);
                let done = pending.is_empty();
                if reply == Reply::Auth {
                    if let Some(error) = line.strip_prefix(b"-") {
                        return Err(LinkError::AuthRefused(shown(error)));
                    }
                    out.push(LinkAction::Report(LinkStep::Replconf));
                }
                if done {
                    self.ask(out);
                }
            }
            State::Psync => self.on_psync_reply(now, parse_psync_reply(line)?, out)?,
            State::WaitSnapshot { of } => {
                let of = *of;
                let form = parse_preamble(line)?;
                let total = match form {
                    SnapshotForm::Length(bytes) => Some(bytes),
                    SnapshotForm::UntilMark(_) => None,
                };
                self.state = State::Transfer { of };
                out.push(LinkAction::Report(LinkStep::Transfer { total }));
                out.push(LinkAction::ReceiveSnapshot(form));
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends all that the master is told before PSYNC in one go, and returns the replies to expect.
    fn introduce(&self, out: &mut Vec<LinkAction>) -> Vec<Reply> {
        let mut bytes = Vec::new();
        let mut pending = Vec::new();
        let mut add = |reply, args: &[&[u8]]| {
            bytes.extend_from_slice(&encode_command(args));
            pending.push(reply);
        };
        if let Some(MasterAuth { user, password }) = &self.config.auth {
            match user {
                Some(user) => add(Reply::Auth, &[b"AUTH", user.as_bytes(), password.as_bytes()]),
                None => add(Reply::Auth, &[b"AUTH", password.as_bytes()]),
            }
        }
        let port = self.config.listening_port.to_string();
        add(Reply::Option, &[b"REPLCONF", b"listening-port", port.as_bytes()]);
        if let Some(ip) = &self.config.announce_ip {
            add(Reply::Option, &[b"REPLCONF", b"ip-address", ip.as_bytes()]);
        }
        add(Reply::Option, &[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]);
        out.push(LinkAction::Send(bytes));
        pending
    }

    fn ask(&mut self, out: &mut Vec<LinkAction>) {
        match self.asked() {
            Some((replid, from)) => {
                let (replid, from) = (replid.to_string(), from.to_string());
                let words: [&[u8]; 4] = [b"PSYNC", replid.as_bytes(), from.as_bytes(), b"FAILOVER"];
                send(out, &words[..if self.hands_over { 4 } else { 3 }]);
            }
            None => send(out, &[b"PSYNC", b"?", b"-1"]),
        }
        self.enter(State::Psync, out);
    }

    /// What PSYNC asks for: the byte after the last one applied.
    fn asked(&self) -> Option<Held> {
        self.held.map(|(replid, offset)| (replid, offset + 1))
    }

    fn on_psync_reply(
        &mut self,
        now: Duration,
        reply: PsyncReply,
        out: &mut Vec<LinkAction>,
    ) -> Result<(), LinkError> {
        let asked = self.asked();
        if matches!(reply, PsyncReply::FullResync { .. } | PsyncReply::Continue { .. }) {
            self.hands_over = false;
        }
        match reply {
            PsyncReply::FullResync { replid, offset } => {
                // `held` stays: until the new data set is complete the old one serves, and may be continued.
                out.push(LinkAction::Decided { asked, granted: Granted::Full { replid, offset } });
                self.enter(State::WaitSnapshot { of: Some((replid, offset)) }, out);
            }
            PsyncReply::Continue { replid } => {
                let held = self.held.as_mut().ok_or(LinkError::NothingToContinue)?;
                held.0 = replid.unwrap_or(held.0);
                out.push(LinkAction::Decided { asked, granted: Granted::Partial { replid: held.0 } });
                self.stream(now, true, out);
            }
            PsyncReply::NotYet(why) => return Err(LinkError::NotYet(why)),
            PsyncReply::Unsupported if self.hands_over => {
                return Err(LinkError::SyncRefused("it does not take over".to_owned()));
            }
            PsyncReply::Unsupported => {
                out.push(LinkAction::Send(b"SYNC\r\n".to_vec()));
                out.push(LinkAction::Decided { asked, granted: Granted::Anonymous });
                self.enter(State::WaitSnapshot { of: None }, out);
            }
        }
        Ok(())
    }

    fn stream(&mut self, now: Duration, acknowledge: bool, out: &mut Vec<LinkAction>) {
        self.enter(State::Streaming { since: now, acknowledge }, out);
        out.push(LinkAction::StartStreaming { from: self.asked().map(|(_, from)| from) });
        // After a diskless snapshot the master streams nothing before it has this.
        self.acknowledge(now, out);
    }

    fn acknowledge(&mut self, now: Duration, out: &mut Vec<LinkAction>) {
        if let (State::Streaming { acknowledge: true, .. }, Some((_, offset))) = (&self.state, self.held) {
            self.spoke = now;
            send(out, &[b"REPLCONF", b"ACK", offset.to_string().as_bytes()]);
        }
    }

    fn on_tick(&mut self, now: Duration, out: &mut Vec<LinkAction>) {
        let silent = now.saturating_sub(self.heard);
        // While we complete the data set there is nothing that the master should say.
        let expects = !matches!(self.state, State::Waiting | State::Load { .. });
        if expects && silent > self.config.timeout {
            let during = self.role_word();
            self.fail(now, LinkError::TimedOut { during, silent }, out);
            return;
        }
        if now.saturating_sub(self.spoke) < SPEAK_PERIOD {
            return;
        }
        match self.state {
            State::Streaming { .. } => self.acknowledge(now, out),
            State::Transfer { .. } | State::Load { .. } => {
                self.spoke = now;
                out.push(LinkAction::Send(b"\n".to_vec()));
            }
            _ => {}
        }
    }

    fn enter(&mut self, state: State, out: &mut Vec<LinkAction>) {
        self.state = state;
        out.push(LinkAction::Report(match &self.state {
            State::Waiting => LinkStep::Connect,
            State::Connecting => LinkStep::Connecting,
            State::Ping => LinkStep::Ping,
            State::Replconf { pending } if pending.first() == Some(&Reply::Auth) => LinkStep::Auth,
            State::Replconf { .. } => LinkStep::Replconf,
            State::Psync => LinkStep::Psync,
            State::WaitSnapshot { .. } => LinkStep::WaitSnapshot,
            State::Transfer { .. } => LinkStep::Transfer { total: None },
            State::Load { .. } => LinkStep::Load,
            State::Streaming { .. } => LinkStep::Streaming,
        }));
    }

    fn fail(&mut self, now: Duration, error: LinkError, out: &mut Vec<LinkAction>) {
        let worked = match self.state {
            State::Streaming { since, .. } => now.saturating_sub(since) >= PROVEN_AFTER,
            _ => false,
        };
        let after = if worked {
            self.down_since = Some(now);
            Duration::ZERO
        } else {
            let down = now.saturating_sub(*self.down_since.get_or_insert(now));
            (down / RETRY_SHARE).clamp(RETRY_MIN, RETRY_MAX)
        };
        // What failed once after a whole snapshot will fail again, and each try costs the master another one.
        let after = match error {
            LinkError::SnapshotFailed(_) | LinkError::StreamRefused(_) => RETRY_MAX,
            _ => after,
        };
        out.push(LinkAction::Close(error));
        self.enter(State::Waiting, out);
        out.push(LinkAction::Reopen { after });
    }
}

/// A master that wants a password may say so in answer to PING: AUTH comes next.
fn accept_pong(line: &[u8]) -> Result<(), LinkError> {
    let accepted = [&b"+"[..], b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted"];
    if accepted.iter().any(|start| line.starts_with(start)) {
        return Ok(());
    }
    Err(LinkError::PingRefused(shown(line.strip_prefix(b"-").unwrap_or(line))))
}

fn send(out: &mut Vec<LinkAction>, args: &[&[u8]]) {
    out.push(LinkAction::Send(encode_command(args)));
}

#[cfg(test)]
mod tests;
