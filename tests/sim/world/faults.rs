//! The steps of a plan, and how all of them end.

use super::World;
use crate::env::{Event, MILLI};
use crate::plan::Fault;

impl World {
    pub(super) fn step(&mut self, nth: usize) {
        if self.healed_at.is_some() {
            return;
        }
        let step = self.plan.steps[nth].clone();
        self.env.remark(|| format!("--- {:?}", step.fault));
        self.env.after(step.lasts, Event::StepEnds(nth));
        let Self { env, servers, machines, .. } = self;
        match step.fault {
            Fault::Cut(a, b) => env.cut(a, b),
            Fault::Hold(from, to) => env.hold(from, to),
            Fault::BlackHole(a, b) => {
                env.hold(a, b);
                env.hold(b, a);
            }
            Fault::Reset(a, b) => env.reset_between(a, b),
            Fault::Slow(from, to, rate) => env.limit(from, to, Some(rate)),
            Fault::Kill(node) => self.kill(node),
            Fault::PowerLoss(node) => {
                self.kill(node);
                self.machines[node].disk.lose_power(&mut self.env.rng);
            }
            Fault::Stop(node) => {
                if let Some(server) = &mut servers[node] {
                    server.save(env);
                }
                self.kill(node);
            }
            Fault::Freeze(node) => {
                for other in 0..servers.len() {
                    env.hold(other, node);
                }
                if servers[node].is_some() {
                    self.frozen[node].get_or_insert(env.now);
                }
            }
            Fault::ClockJump(node, by) => {
                machines[node].clock_offset += by;
                if let Some(server) = &mut servers[node] {
                    server.set_clock(machines[node].clock_offset);
                }
            }
            Fault::DiskBreaks(node, nth, fault) => machines[node].disk.break_at(nth, fault),
            Fault::FlipByte(node) => env.net.flip = Some(node),
            Fault::Save(node)
            | Fault::Promote(node)
            | Fault::Follow(node, _)
            | Fault::Failover { node, .. }
            | Fault::BadCommand { node, .. }
            | Fault::DropLink(node) => {
                let Some(server) = &mut servers[node] else { return };
                match step.fault {
                    Fault::Save(_) => server.save(env),
                    Fault::Promote(_) => server.promote(env),
                    Fault::Follow(_, master) => server.replicaof(env, master),
                    Fault::Failover { to, force, .. } => server.begin_failover(env, to, force),
                    Fault::BadCommand { in_multi, .. } => {
                        env.checks.refusals.expected |= server.send_bad_command(in_multi);
                    }
                    _ => server.drop_link(env),
                }
                server.after_writes(env);
            }
        }
    }

    pub(super) fn step_ends(&mut self, nth: usize) {
        if self.healed_at.is_some() {
            return;
        }
        let env = &mut self.env;
        match self.plan.steps[nth].fault {
            Fault::Cut(a, b) => env.mend(a, b),
            Fault::Hold(from, to) => env.release(from, to),
            Fault::BlackHole(a, b) => {
                env.release(a, b);
                env.release(b, a);
            }
            Fault::Slow(from, to, _) => env.limit(from, to, None),
            Fault::Freeze(node) => self.thaw(node),
            Fault::Kill(node) | Fault::PowerLoss(node) | Fault::Stop(node) => {
                // Somebody who starts it again may know what it followed last, or only the first configuration.
                let first = self.plan.nodes[node].replicaof;
                let master = if env.rng.percent(70) { self.masters[node] } else { first };
                self.start(node, master);
            }
            Fault::DiskBreaks(node, ..) => {
                self.machines[node].disk.repair();
                self.start(node, self.masters[node]);
            }
            _ => {}
        }
    }

    /// A frozen process goes on; the time that it did not see is nobody's silence.
    fn thaw(&mut self, node: usize) {
        for other in 0..self.servers.len() {
            self.env.release(other, node);
        }
        if let (Some(since), Some(server)) = (self.frozen[node].take(), &mut self.servers[node]) {
            server.slept(self.env.now - since);
        }
    }

    /// The safety phase is over: nothing goes wrong any more, and everybody follows one master.
    pub(super) fn heal(&mut self) {
        self.env.remark(|| "--- heal".to_owned());
        self.healed_at = Some(self.env.now);
        self.env.heal();
        for node in 0..self.servers.len() {
            self.thaw(node);
            self.machines[node].disk.repair();
            self.start(node, self.masters[node]);
        }
        let mut order: Vec<usize> = (0..self.servers.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, self.env.rng.index(at + 1));
        }
        for (at, node) in order.iter().enumerate() {
            let Some(server) = &mut self.servers[*node] else { continue };
            server.abort_failover(&mut self.env);
            if at == 0 {
                server.promote(&mut self.env);
            } else {
                let master = order[self.env.rng.index(at)];
                self.final_masters[*node] = Some(master);
                server.replicaof(&mut self.env, master);
            }
        }
        self.env.after(100 * MILLI, Event::Look);
    }

    /// A request to take over may have been on its way when all was healed: who became master by it follows again.
    pub(super) fn insist(&mut self) {
        for (node, server) in self.servers.iter_mut().enumerate() {
            if let (Some(master), Some(server)) = (self.final_masters[node], server)
                && !server.is_replica()
            {
                server.replicaof(&mut self.env, master);
            }
        }
    }
}
