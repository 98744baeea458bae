//! The cluster: runs a plan from its first event to the liveness phase.

mod faults;

use repliscope::replication::ReplId;

use crate::digest::{Keys, of_store};
use crate::disk::SimDisk;
use crate::env::{Answer, Env, Event, Life, MILLI, Micros, SECOND};
use crate::mutant::Mutant;
use crate::net::{ACCEPTER, NetEvent, OPENER};
use crate::plan::Plan;
use crate::server::{Machine, Server, Verdict};
use crate::workload::{Client, State};

/// Everything must be well again so long after the last fault.
const LIVENESS: Micros = 60 * SECOND;
/// Clients go on so long after the last fault.
const WORK_ON: Micros = 2 * SECOND;
/// More events than this mean that something goes round in circles.
const MOST_EVENTS: u64 = 3_000_000;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub failure: Option<String>,
    pub trace: u64,
    pub simulated: Micros,
    pub figures: Figures,
}

/// What happened in a run, to know that it tests something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub events: u64,
    pub writes: u64,
    pub compared: u64,
    pub promises: u64,
    pub recovered: u64,
    pub failed_transfers: u64,
    pub refused_streams: u64,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.writes += other.writes;
        self.compared += other.compared;
        self.promises += other.promises;
        self.recovered += other.recovered;
        self.failed_transfers += other.failed_transfers;
        self.refused_streams += other.refused_streams;
    }
}

pub struct World {
    plan: Plan,
    env: Env,
    machines: Vec<Machine>,
    servers: Vec<Option<Server>>,
    lives: Vec<u64>,
    /// What each node followed last.
    masters: Vec<Option<usize>>,
    clients: Vec<Client>,
    /// Since when each node is frozen.
    frozen: Vec<Option<Micros>>,
    /// Whom each node follows in the liveness phase.
    final_masters: Vec<Option<usize>>,
    healed_at: Option<Micros>,
    writes: u64,
    is_well: bool,
}

impl World {
    pub fn new(plan: &Plan, mutant: Option<Mutant>, told: bool) -> Self {
        let mut env = Env::new(plan, mutant, told);
        let machines: Vec<Machine> = plan
            .nodes
            .iter()
            .map(|config| Machine {
                config: config.clone(),
                disk: SimDisk::default(),
                clock_offset: config.clock_offset,
            })
            .collect();
        let clients = (0..plan.work.clients).map(|id| Client::new(id, env.rng.fork(), &plan.work)).collect();
        let count = machines.len();
        let masters = plan.nodes.iter().map(|node| node.replicaof).collect();
        Self {
            plan: plan.clone(),
            env,
            machines,
            servers: (0..count).map(|_| None).collect(),
            lives: vec![0; count],
            masters,
            clients,
            frozen: vec![None; count],
            final_masters: vec![None; count],
            healed_at: None,
            writes: 0,
            is_well: false,
        }
    }

    /// Runs until all is well, or something is wrong.
    pub fn run(mut self) -> Outcome {
        for node in 0..self.servers.len() {
            self.start(node, self.masters[node]);
        }
        for client in 0..self.clients.len() {
            self.env.after(50 * MILLI, Event::Client(client));
        }
        for (nth, step) in self.plan.steps.iter().enumerate() {
            self.env.after(step.at, Event::Step(nth));
        }
        self.env.after(self.plan.safety, Event::Heal);
        while !self.is_well && self.failure().is_none() {
            let Some(event) = self.env.next() else { break };
            if self.env.events > MOST_EVENTS {
                self.env.checks.verdicts.fail("liveness", "there is no end of events");
            }
            self.handle(event);
            self.hand_out_answers();
            self.bury();
        }
        let checks = &self.env.checks;
        let figures = Figures {
            events: self.env.events,
            writes: self.writes,
            compared: checks.equal.compared,
            promises: checks.waited_for.checked,
            recovered: checks.durable.recovered,
            failed_transfers: checks.transfers.failed,
            refused_streams: checks.refusals.seen,
        };
        Outcome { failure: self.failure(), trace: self.env.trace(), simulated: self.env.now, figures }
    }

    fn failure(&self) -> Option<String> {
        self.env.checks.verdicts.first()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Net(event) => self.network(event),
            Event::Client(id) => self.client(id),
            Event::Step(nth) => self.step(nth),
            Event::StepEnds(nth) => self.step_ends(nth),
            Event::Heal => self.heal(),
            Event::Look => self.look(),
            Event::Tenth(life)
            | Event::Reopen(life, _)
            | Event::SnapshotReady(life, _)
            | Event::SnapshotLoaded(life, _)
            | Event::Synced(life) => {
                if self.frozen[life.node].is_some() {
                    return self.env.after(5 * MILLI, event);
                }
                let Some(server) = self.servers[life.node].as_mut().filter(|server| server.life == life)
                else {
                    return;
                };
                let env = &mut self.env;
                match event {
                    Event::Tenth(_) => server.tenth(env),
                    Event::Reopen(_, generation) => server.reopen(env, generation),
                    Event::SnapshotReady(_, generation) => server.snapshot_ready(env, generation),
                    Event::SnapshotLoaded(_, generation) => server.snapshot_loaded(env, generation),
                    _ => server.log_synced(env),
                }
            }
        }
    }

    fn network(&mut self, event: NetEvent) {
        let Self { env, servers, .. } = self;
        match event {
            NetEvent::Established(conn) => {
                let Some(outcome) = env.establish(conn, |node| servers[node].is_some()) else { return };
                match outcome {
                    Ok([from, to]) => {
                        if let Some(server) = &mut servers[to] {
                            server.accepted(conn, from);
                        }
                        if let Some(server) = &mut servers[from] {
                            server.connected(env, conn, true);
                        }
                    }
                    Err(from) => {
                        if let Some(server) = &mut servers[from] {
                            server.connected(env, conn, false);
                        }
                    }
                }
            }
            NetEvent::Deliver(conn, end) => {
                let Some(delivery) = env.deliver(conn, end) else { return };
                if let Some(server) = &mut servers[delivery.node] {
                    if !delivery.bytes.is_empty() {
                        server.received(env, conn, &delivery.bytes);
                    }
                    if delivery.ended {
                        server.lost(env, conn);
                    }
                }
                if let Some(server) = &mut servers[delivery.from]
                    && server.is_fed(conn, 1 - end)
                {
                    server.writable(env, conn);
                }
            }
            NetEvent::Gone(conn, end) => {
                debug_assert!(end == OPENER || end == ACCEPTER);
                if let Some(node) = env.gone(conn, end)
                    && let Some(server) = &mut servers[node]
                {
                    server.lost(env, conn);
                }
            }
        }
    }

    fn start(&mut self, node: usize, master: Option<usize>) {
        if self.servers[node].is_some() {
            return;
        }
        self.lives[node] += 1;
        let life = Life { node, nth: self.lives[node] };
        match Server::start(&mut self.env, life, &self.machines[node], master) {
            Ok(server) => {
                self.masters[node] = master;
                self.servers[node] = Some(server);
            }
            Err(error) => {
                self.env.note(node, "does not start", 0);
                self.env.remark(|| format!("    {error}"));
                let broken = self.machines[node].disk.is_broken();
                if !broken {
                    let text = format!("n{node} refuses its own files: {error}");
                    self.env.checks.verdicts.fail("I14", &text);
                }
            }
        }
    }

    /// A process ends, now.
    fn kill(&mut self, node: usize) {
        let Some(server) = self.servers[node].take() else { return };
        self.masters[node] = server.upstream.as_ref().map(|upstream| upstream.master);
        self.env.note(node, "ends", server.history.offset());
        self.frozen[node] = None;
        server.end(&mut self.env);
        for (id, client) in self.clients.iter_mut().enumerate() {
            if client.node == node && client.state != State::Idle {
                client.state = State::Idle;
                self.env.after(MILLI, Event::Client(id));
            }
        }
    }

    /// Processes that have given up end; somebody starts them again.
    fn bury(&mut self) {
        for node in 0..self.servers.len() {
            let crash = self.servers[node].as_ref().and_then(|server| server.crash.clone());
            if let Some(reason) = crash {
                self.env.remark(|| format!("    n{node} crashes: {reason}"));
                self.kill(node);
                if self.healed_at.is_some() {
                    self.machines[node].disk.repair();
                    self.start(node, self.masters[node]);
                }
            }
        }
    }

    fn hand_out_answers(&mut self) {
        for (id, answer) in std::mem::take(&mut self.env.answers) {
            let client = &mut self.clients[id];
            match (client.state, answer) {
                (State::ForReplicas, Answer::Acked(by)) => self.vouch(id, by),
                (State::ForDisk, Answer::OnDisk) => {}
                (State::ForDisk | State::ForReplicas, Answer::Unblocked) => client.vouched = None,
                _ => continue,
            }
            self.clients[id].state = State::Idle;
            self.env.after(MILLI, Event::Client(id));
        }
    }

    /// WAIT has told a client who has its last write.
    fn vouch(&mut self, id: usize, by: Vec<usize>) {
        let client = &mut self.clients[id];
        let Some((db, key)) = client.vouched.take() else { return };
        if !by.is_empty() && client.written_at == self.env.checks.waited_for.flushes {
            self.env.checks.waited_for.told(db, key, by);
        }
    }

    fn client(&mut self, id: usize) {
        let over = self.healed_at.is_some_and(|at| self.env.now > at + WORK_ON);
        if over || self.clients[id].state != State::Idle {
            return;
        }
        let work = &self.plan.work;
        let client = &mut self.clients[id];
        let pause = client.rng.range(work.pause.0, work.pause.1);
        if self.frozen.get(client.node).is_some_and(Option::is_some) {
            return self.env.after(pause, Event::Client(id));
        }
        let connected = self.servers.get(client.node).and_then(Option::as_ref);
        if connected.is_none_or(|server| server.life.nth != client.nth) || client.rng.percent(1) {
            let masters: Vec<usize> = (0..self.servers.len())
                .filter(|node| self.servers[*node].as_ref().is_some_and(|server| !server.is_replica()))
                .collect();
            let node = if masters.is_empty() || client.rng.percent(10) {
                client.rng.index(self.servers.len())
            } else {
                client.rng.pick(&masters)
            };
            if let Some(server) = &self.servers[node] {
                client.connect(node, server.life.nth);
            }
            return self.env.after(pause, Event::Client(id));
        }
        let Some(server) = &mut self.servers[client.node] else { return };
        let words = client.think(work);
        let parts: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        self.env.checks.replicas.asked(server);
        let verdict = server.request(&mut self.env, &mut client.session, &parts);
        if words[0] == "SET" {
            client.written_at = self.env.checks.waited_for.flushes;
        }
        let must_wait = server.must_wait_for_disk(&mut self.env, id);
        server.after_writes(&mut self.env);
        self.env.note(client.node, &words[0], u64::from(verdict.is_error()));
        match verdict {
            Verdict::Waits => return client.state = State::ForReplicas,
            Verdict::Held => client.next.push_front(words.clone()),
            Verdict::Reply(reply) => {
                self.writes += u64::from(reply.first() != Some(&b'-'));
                if reply.starts_with(b"-READONLY") {
                    client.node = usize::MAX;
                } else if words[0] == "WAIT" && reply.first() == Some(&b':') {
                    let by = server.acked_by(&self.env, client.session.last_write);
                    self.vouch(id, by);
                } else if reply.first() == Some(&b'-') {
                    client.vouched = None;
                }
            }
        }
        if must_wait {
            self.clients[id].state = State::ForDisk;
        } else {
            self.env.after(pause, Event::Client(id));
        }
    }

    fn look(&mut self) {
        self.insist();
        let servers: Vec<&Server> = self.servers.iter().flatten().collect();
        let place = |server: &Server| -> (ReplId, u64) { (server.history.replid(), server.history.offset()) };
        let first = servers.first().map(|server| place(server));
        let settled = servers.len() == self.servers.len()
            && servers.iter().all(|server| server.link_is_up() && server.feeds_are_settled())
            && (servers.len() < 2 || servers.iter().all(|server| Some(place(server)) == first));
        let since = self.healed_at.map_or(0, |at| self.env.now - at);
        if settled && since > WORK_ON {
            let digests: Vec<u64> = servers.iter().map(|server| of_store(&server.store, Keys::All)).collect();
            if digests.iter().any(|digest| *digest != digests[0]) {
                self.env.checks.verdicts.fail("liveness", "at rest, and the data differ");
            }
            for server in servers {
                self.env.checks.at_rest(server);
            }
            self.env.note(0, "well", digests[0]);
            self.is_well = true;
        } else if since > LIVENESS {
            let states: Vec<String> = self
                .servers
                .iter()
                .enumerate()
                .map(|(node, server)| {
                    format!("n{node}: {}", server.as_ref().map_or("down".to_owned(), Server::describe))
                })
                .collect();
            self.env.checks.verdicts.fail("liveness", &format!("not well after 60 s: {}", states.join("; ")));
        } else {
            self.env.after(100 * MILLI, Event::Look);
        }
    }
}
