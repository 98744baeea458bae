//! The network: connections that keep TCP's rules (order, no loss inside a stream) and break as TCP does.
//!
//! Whatever happens to a link happens to packets on their way: bytes arrive late, in pieces of any size, or wait while
//! the link is held; a connection ends by a reset or after its last byte. Nothing is ever changed or left out, unless
//! a fault says so.

use std::collections::{BTreeMap, VecDeque};

use crate::env::{Env, Event, Micros};

pub type ConnId = u64;

/// Which end of a connection: the one that opened it, or the one that accepted it.
pub type End = usize;
pub const OPENER: End = 0;
pub const ACCEPTER: End = 1;

/// Bytes that the system takes from a sender before it must wait.
const SOCKET_BUFFER: usize = 32 * 1024;

/// What happens in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetEvent {
    /// The connection is there.
    Established(ConnId),
    /// Bytes for this end.
    Deliver(ConnId, End),
    /// This end learns that the connection is gone.
    Gone(ConnId, End),
}

/// One direction between two nodes.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Nothing arrives while this is above zero; it arrives later.
    held: u32,
    /// Connections are refused while this is above zero.
    cut: u32,
    bytes_per_second: Option<u64>,
}

#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// A delivery is under way.
    busy: bool,
    /// Nothing comes after these bytes.
    closed: bool,
}

#[derive(Debug)]
struct Conn {
    nodes: [usize; 2],
    /// From each end.
    pipes: [Pipe; 2],
    attached: [bool; 2],
    /// Nothing travels any more; the ends will learn it.
    broken: bool,
}

#[derive(Debug)]
pub struct Net {
    nodes: usize,
    conns: BTreeMap<ConnId, Conn>,
    next: ConnId,
    links: Vec<Link>,
    /// What waits for a held link.
    stalled: Vec<(usize, usize, NetEvent)>,
    /// Latency in microseconds, from and to.
    latency: (u64, u64),
    /// Share of deliveries of a single byte, in percent.
    crumbs: u64,
    /// The node whose next snapshot gets a wrong byte.
    pub flip: Option<usize>,
}

/// What a delivery brought.
#[derive(Debug)]
pub struct Delivery {
    pub node: usize,
    pub from: usize,
    pub bytes: Vec<u8>,
    pub ended: bool,
}

impl Net {
    pub fn new(nodes: usize, latency: (u64, u64), crumbs: u64) -> Self {
        let links = vec![Link::default(); nodes * nodes];
        Self {
            nodes,
            conns: BTreeMap::new(),
            next: 1,
            links,
            stalled: Vec::new(),
            latency,
            crumbs,
            flip: None,
        }
    }

    fn link(&mut self, from: usize, to: usize) -> &mut Link {
        &mut self.links[from * self.nodes + to]
    }

    /// Whether both ends hold the connection: a node that ended does not, though the other may not know yet.
    pub fn is_whole(&self, conn: ConnId) -> bool {
        self.conns.get(&conn).is_some_and(|conn| conn.attached == [true; 2])
    }

    /// How many bytes the system still takes from this end.
    pub fn room(&self, conn: ConnId, end: End) -> usize {
        let Some(conn) = self.conns.get(&conn) else { return 0 };
        if conn.attached[end] { SOCKET_BUFFER.saturating_sub(conn.pipes[end].bytes.len()) } else { 0 }
    }
}

impl Env {
    fn latency(&mut self) -> Micros {
        let (from, to) = self.net.latency;
        self.rng.range(from, to)
    }

    pub fn connect(&mut self, from: usize, to: usize) -> ConnId {
        let id = self.net.next;
        self.net.next += 1;
        let conn =
            Conn { nodes: [from, to], pipes: Default::default(), attached: [true, false], broken: false };
        self.net.conns.insert(id, conn);
        let after = self.latency() * 2;
        self.after(after, Event::Net(NetEvent::Established(id)));
        id
    }

    /// Whether a connection that was asked for can be: `None` if that is not known yet.
    pub fn establish(
        &mut self,
        id: ConnId,
        is_alive: impl Fn(usize) -> bool,
    ) -> Option<Result<[usize; 2], usize>> {
        let conn = self.net.conns.get(&id)?;
        let [from, to] = conn.nodes;
        if !conn.attached[OPENER] {
            self.net.conns.remove(&id);
            return None;
        }
        for (one, other) in [(from, to), (to, from)] {
            if self.net.link(one, other).held > 0 {
                self.net.stalled.push((one, other, NetEvent::Established(id)));
                return None;
            }
        }
        if self.net.link(from, to).cut > 0 || !is_alive(to) {
            self.net.conns.remove(&id);
            return Some(Err(from));
        }
        if let Some(conn) = self.net.conns.get_mut(&id) {
            conn.attached[ACCEPTER] = true;
        }
        Some(Ok([from, to]))
    }

    /// Sends bytes from this end; what is sent over a connection that is gone is lost.
    pub fn send(&mut self, id: ConnId, end: End, bytes: &[u8]) {
        let Some(conn) = self.net.conns.get_mut(&id) else { return };
        let pipe = &mut conn.pipes[end];
        if bytes.is_empty() || pipe.closed || conn.broken || !conn.attached[end] {
            return;
        }
        pipe.bytes.extend(bytes);
        if !std::mem::replace(&mut pipe.busy, true) {
            let after = self.latency();
            self.after(after, Event::Net(NetEvent::Deliver(id, 1 - end)));
        }
    }

    /// This end closes the connection: what was sent still arrives.
    pub fn close(&mut self, id: ConnId, end: End) {
        let Some(conn) = self.net.conns.get_mut(&id) else { return };
        conn.attached[end] = false;
        conn.pipes[1 - end].bytes.clear();
        conn.pipes[end].closed = true;
        if !conn.attached[1 - end] {
            self.net.conns.remove(&id);
        } else if !std::mem::replace(&mut conn.pipes[end].busy, true) {
            let after = self.latency();
            self.after(after, Event::Net(NetEvent::Deliver(id, 1 - end)));
        }
    }

    /// This end is gone; the other one learns it by a reset, which overtakes what was sent.
    pub fn reset(&mut self, id: ConnId, end: End) {
        let Some(conn) = self.net.conns.get_mut(&id) else { return };
        conn.attached[end] = false;
        conn.pipes.iter_mut().for_each(|pipe| pipe.bytes.clear());
        if conn.attached[1 - end] {
            let after = self.latency();
            self.after(after, Event::Net(NetEvent::Gone(id, 1 - end)));
        } else {
            self.net.conns.remove(&id);
        }
    }

    /// A node ended: all its connections are reset.
    pub fn reset_all_of(&mut self, node: usize) {
        let mut ends = Vec::new();
        for (id, conn) in &self.net.conns {
            for end in [OPENER, ACCEPTER] {
                if conn.nodes[end] == node && conn.attached[end] {
                    ends.push((*id, end));
                }
            }
        }
        for (id, end) in ends {
            self.reset(id, end);
        }
    }

    /// Resets every connection between two nodes, from both sides.
    pub fn reset_between(&mut self, a: usize, b: usize) {
        // One that is not there yet is refused, or comes later.
        let between =
            |conn: &Conn| (conn.nodes == [a, b] || conn.nodes == [b, a]) && conn.attached == [true; 2];
        let ids: Vec<ConnId> =
            self.net.conns.iter().filter(|(_, conn)| between(conn)).map(|(id, _)| *id).collect();
        for id in ids {
            for end in [OPENER, ACCEPTER] {
                let after = self.latency();
                self.after(after, Event::Net(NetEvent::Gone(id, end)));
            }
            if let Some(conn) = self.net.conns.get_mut(&id) {
                conn.broken = true;
                conn.pipes.iter_mut().for_each(|pipe| pipe.bytes.clear());
            }
        }
    }

    pub fn hold(&mut self, from: usize, to: usize) {
        self.net.link(from, to).held += 1;
    }

    pub fn release(&mut self, from: usize, to: usize) {
        let link = self.net.link(from, to);
        link.held = link.held.saturating_sub(1);
        if link.held > 0 {
            return;
        }
        let stalled = std::mem::take(&mut self.net.stalled);
        for (one, other, event) in stalled {
            if (one, other) == (from, to) {
                let after = self.latency();
                self.after(after, Event::Net(event));
            } else {
                self.net.stalled.push((one, other, event));
            }
        }
    }

    pub fn cut(&mut self, a: usize, b: usize) {
        self.net.link(a, b).cut += 1;
        self.net.link(b, a).cut += 1;
        self.reset_between(a, b);
    }

    pub fn mend(&mut self, a: usize, b: usize) {
        for (from, to) in [(a, b), (b, a)] {
            let link = self.net.link(from, to);
            link.cut = link.cut.saturating_sub(1);
        }
    }

    pub fn limit(&mut self, from: usize, to: usize, bytes_per_second: Option<u64>) {
        self.net.link(from, to).bytes_per_second = bytes_per_second;
    }

    /// Everything works again.
    pub fn heal(&mut self) {
        for from in 0..self.net.nodes {
            for to in 0..self.net.nodes {
                let link = self.net.link(from, to);
                (link.cut, link.bytes_per_second) = (0, None);
                link.held = link.held.min(1);
                self.release(from, to);
            }
        }
        self.net.flip = None;
    }

    /// An end learns of a reset; `None` if it left before, or must wait for its link.
    pub fn gone(&mut self, id: ConnId, end: End) -> Option<usize> {
        let conn = self.net.conns.get_mut(&id)?;
        let (from, to) = (conn.nodes[1 - end], conn.nodes[end]);
        if !conn.attached[end] {
            return None;
        }
        if self.net.link(from, to).held > 0 {
            self.net.stalled.push((from, to, NetEvent::Gone(id, end)));
            return None;
        }
        let conn = self.net.conns.get_mut(&id)?;
        conn.attached[end] = false;
        if !conn.attached[1 - end] {
            self.net.conns.remove(&id);
        }
        Some(to)
    }

    /// Takes the next bytes for this end off the wire.
    pub fn deliver(&mut self, id: ConnId, end: End) -> Option<Delivery> {
        let conn = self.net.conns.get(&id)?;
        let (from, to) = (conn.nodes[1 - end], conn.nodes[end]);
        if !conn.attached[end] || conn.broken {
            return None;
        }
        if self.net.link(from, to).held > 0 {
            self.net.stalled.push((from, to, NetEvent::Deliver(id, end)));
            return None;
        }
        let (rate, crumbs) = (self.net.link(from, to).bytes_per_second, self.net.crumbs);
        let (gap, draw) = (self.latency() / 8 + 1, self.rng.below(100));
        let size = self.rng.range(1, 4096) as usize;
        let conn = self.net.conns.get_mut(&id)?;
        let pipe = &mut conn.pipes[1 - end];
        let size = match draw {
            draw if draw < crumbs => 1 + size % 7,
            draw if draw < 50 => size,
            _ => pipe.bytes.len(),
        };
        let bytes: Vec<u8> = pipe.bytes.drain(..size.min(pipe.bytes.len())).collect();
        let ended = pipe.closed && pipe.bytes.is_empty();
        pipe.busy = !pipe.bytes.is_empty();
        if pipe.busy {
            let gap = gap + rate.map_or(0, |rate| bytes.len() as u64 * 1_000_000 / rate);
            self.after(gap, Event::Net(NetEvent::Deliver(id, end)));
        }
        if ended {
            let conn = self.net.conns.get_mut(&id)?;
            conn.attached[end] = false;
            if !conn.attached[1 - end] {
                self.net.conns.remove(&id);
            }
        }
        Some(Delivery { node: to, from, bytes, ended })
    }
}
