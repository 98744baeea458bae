//! The life of a single node: start, stop, kill, freeze, and what its events mean for the lab.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::{spawn_blocking, spawn_local};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::folder::NodeFolder;
use super::lab::Lab;
use super::member::Run;
use super::node_events::NodeMessage;
use super::refusal::{Done, Refusal};
use super::{Event, NodeId, NoticeLevel, observer, ports};
use crate::node::{LinkPhase, NodeEvent, NodeRole, StopReason};

/// How long a killed node may take to be gone.
pub(super) const KILL_WITHIN: Duration = Duration::from_millis(500);

/// After this a node that was told to stop is told of.
const STOP_IS_SLOW: Duration = Duration::from_secs(10);

/// How long the thread of an ended node may take to unwind.
const JOIN_WITHIN: Duration = Duration::from_secs(1);

impl Lab {
    pub(super) fn start_node(self: &Rc<Self>, node: NodeId) -> Done {
        let (port, is_master) = self.with_member(node, |member| match member.run {
            Run::Off => Ok((member.port, member.is_master() && member.owed.is_none())),
            Run::Stopping => {
                member.restart = true;
                Err(Refusal::already(node, format!("{node} is still stopping and starts again after that")))
            }
            Run::Starting | Run::Up => Err(Refusal::already(node, format!("{node} runs already"))),
        })?;
        if let Some(taken) = ports::taken_port(port) {
            let holder = taken.holder.unwrap_or_else(|| "another program".to_owned());
            let text =
                format!("{node} was not started: port {port} is held by {holder}. End that, then try again");
            return Err(Refusal::error(node, text));
        }
        if is_master {
            self.warn_of_wipe(node, port);
        }
        self.launch(node);
        Ok(())
    }

    /// Starts a node that is off, following whom the lab says.
    pub(super) fn launch(self: &Rc<Self>, node: NodeId) {
        let mut state = self.state.borrow_mut();
        if state.closing || state.ending.is_some() {
            return;
        }
        state.generations += 1;
        let generation = state.generations;
        let Some(member) = state.members.get_mut(&node) else { return };
        member.generation = generation;
        member.restart = false;
        member.frozen = false;
        if let Some(owed) = member.owed.take() {
            member.master = Some(owed);
            member.deposed = true;
        }
        let (port, master, faults) = (member.port, member.master, member.faults.clone());
        let deposed = std::mem::take(&mut member.deposed);
        let master_port = state.port_of(master);
        drop(state);

        let folder = NodeFolder::new(&self.options.data_dir, port);
        let events = self.events.clone();
        let on_event = Box::new(move |event| events.send(generation, node, event));
        let asks = self.asks_before_wipe.get();
        let started = folder
            .set_master(master_port)
            .and_then(|()| self.runner.start(folder.config_file(), asks, on_event));
        match started {
            Ok(handle) => {
                if let (true, Some(master)) = (deposed, master) {
                    let text =
                        format!("{node} comes back as a replica of {master}, which took over meanwhile");
                    self.recorder.notice(NoticeLevel::Info, Some(node), text);
                }
                for active in faults {
                    handle.begin_fault(active.fault); // what is around a node outlives its restart
                }
                if let Some(member) = self.state.borrow_mut().members.get_mut(&node) {
                    member.run = Run::Starting;
                    member.handle = Some(handle);
                }
            }
            Err(error) => {
                let text = format!("{node} (port {port}) could not be started: {error}");
                self.recorder.notice(NoticeLevel::Error, Some(node), text);
            }
        }
        self.changed.notify_waiters();
    }

    /// Stops a node in good order, and starts it again if `Restart` was asked for.
    pub(super) fn stop_node(self: &Rc<Self>, node: NodeId, restart: bool) -> Done {
        let generation = self.with_member(node, |member| {
            if member.frozen {
                let text =
                    format!("{node} is frozen and cannot end in good order: thaw it first, or kill it");
                return Err(Refusal::error(node, text));
            }
            match member.run {
                Run::Off if restart => return Ok(None),
                Run::Off => return Err(Refusal::already(node, format!("{node} is stopped already"))),
                Run::Stopping => {
                    member.restart = restart;
                    return Err(Refusal::already(node, format!("{node} is stopping already")));
                }
                Run::Starting | Run::Up => {}
            }
            member.run = Run::Stopping;
            member.restart = restart;
            if let Some(handle) = &member.handle {
                handle.stop();
            }
            Ok(Some(member.generation))
        })?;
        let Some(generation) = generation else { return self.start_node(node) };
        self.changed.notify_waiters();
        let lab = Rc::clone(self);
        spawn_local(async move {
            sleep(STOP_IS_SLOW).await;
            let stuck = lab
                .state
                .borrow_mut()
                .by_generation(node, generation)
                .is_some_and(|member| member.run == Run::Stopping);
            if stuck {
                let text = format!(
                    "{node} was told to stop {} s ago and has not: kill it to end it",
                    STOP_IS_SLOW.as_secs()
                );
                lab.recorder.notice(NoticeLevel::Warning, Some(node), text);
            }
        });
        Ok(())
    }

    pub(super) fn kill_node(self: &Rc<Self>, node: NodeId) -> Done {
        let generation = self.with_member(node, |member| match member.run {
            Run::Off => Err(Refusal::already(node, format!("{node} is stopped already"))),
            _ => Ok(member.generation),
        })?;
        self.kill_handle(node);
        let lab = Rc::clone(self);
        spawn_local(async move {
            let mine = |state: &super::member::State| {
                state.members.get(&node).is_none_or(|m| m.generation != generation || m.run == Run::Off)
            };
            if !lab.until(4 * KILL_WITHIN, mine).await {
                lab.give_up(node);
            }
        });
        Ok(())
    }

    /// Kills whatever runs under this name.
    pub(super) fn kill_handle(&self, node: NodeId) {
        if let Some(member) = self.state.borrow_mut().members.get_mut(&node)
            && let Some(handle) = &member.handle
        {
            member.run = Run::Stopping;
            member.restart = false;
            handle.kill();
        }
        self.changed.notify_waiters();
    }

    /// Thaws a node and asks it to end in good order.
    pub(super) fn ask_to_end(&self, node: NodeId) {
        let mut state = self.state.borrow_mut();
        let Some(member) = state.members.get_mut(&node) else { return };
        member.restart = false;
        if member.run == Run::Off {
            return;
        }
        if let Some(handle) = &member.handle {
            if member.frozen {
                handle.thaw();
            }
            handle.stop();
        }
        member.run = Run::Stopping;
    }

    /// A killed node did not go: the lab goes on without it.
    pub(super) fn give_up(self: &Rc<Self>, node: NodeId) {
        let text =
            format!("{node} was killed and did not end; its port may stay taken until Repliscope ends");
        self.recorder.notice(NoticeLevel::Error, Some(node), text);
        let generation = self.state.borrow().members.get(&node).map(|member| member.generation);
        if let Some(generation) = generation {
            let event = NodeEvent::Stopped(StopReason::Killed);
            self.on_event(NodeMessage { generation, node, at: std::time::Instant::now(), event });
        }
        if let Some(member) = self.state.borrow_mut().members.get_mut(&node) {
            member.generation = 0; // whatever it still tells is of the past
        }
    }

    pub(super) fn freeze(&self, node: NodeId) -> Done {
        self.with_member(node, |member| match (&member.handle, member.run) {
            _ if member.frozen => Err(Refusal::already(node, format!("{node} is frozen already"))),
            (Some(handle), Run::Up | Run::Starting) => {
                handle.freeze();
                Ok(())
            }
            _ => Err(Refusal::error(node, format!("{node} does not run: there is nothing to freeze"))),
        })
    }

    pub(super) fn thaw(&self, node: NodeId) -> Done {
        self.with_member(node, |member| match &member.handle {
            Some(handle) if member.frozen => {
                handle.thaw();
                Ok(())
            }
            _ => Err(Refusal::already(node, format!("{node} is not frozen"))),
        })
    }

    /// Takes an event of a node: into the journal, and into what the lab knows.
    pub(super) fn on_message(self: &Rc<Self>, message: NodeMessage) {
        self.events.taken();
        self.on_event(message);
    }

    fn on_event(self: &Rc<Self>, NodeMessage { generation, node, at, event }: NodeMessage) {
        let known = self.state.borrow_mut().by_generation(node, generation).is_some();
        if !known {
            return;
        }
        self.recorder.record_at(at, Event::Node { node, event: event.clone() });
        match event {
            NodeEvent::Ready { .. } => self.on_ready(node),
            NodeEvent::Stopped(reason) => self.on_stopped(node, &reason),
            NodeEvent::Frozen => self.update(node, |member| member.frozen = true),
            NodeEvent::Thawed => {
                self.update(node, |member| member.frozen = false);
                self.settle(node);
            }
            NodeEvent::Role { role: NodeRole::Master, .. } => self.on_master(node),
            NodeEvent::Role { role: NodeRole::Replica { host, port }, .. } => {
                self.on_replica(node, &host, port);
            }
            NodeEvent::Link(LinkPhase::AskWipe { keys, offered }) => self.on_ask_wipe(node, keys, offered),
            NodeEvent::Log { .. } => return,
            _ => {}
        }
        if let Some(member) = self.state.borrow().members.get(&node) {
            member.poke.notify_one();
        }
        self.changed.notify_waiters();
        self.refresh_targets();
    }

    pub(super) fn update(&self, node: NodeId, change: impl FnOnce(&mut super::member::Member)) {
        if let Some(member) = self.state.borrow_mut().members.get_mut(&node) {
            change(member);
        }
    }

    fn on_ready(self: &Rc<Self>, node: NodeId) {
        let mut state = self.state.borrow_mut();
        let Some(member) = state.members.get_mut(&node) else { return };
        if member.run == Run::Starting {
            member.run = Run::Up;
        }
        member.watch.cancel();
        member.watch = CancellationToken::new();
        let (addr, watch) = (member.addr(), member.watch.clone());
        let (recorder, poke) = (Rc::clone(&self.recorder), Rc::clone(&member.poke));
        drop(state);
        spawn_local(async move {
            watch.run_until_cancelled(observer::observe(node, addr, recorder, poke)).await;
        });
        self.settle(node);
    }

    fn on_stopped(self: &Rc<Self>, node: NodeId, reason: &StopReason) {
        let mut state = self.state.borrow_mut();
        let Some(member) = state.members.get_mut(&node) else { return };
        let port = member.port;
        member.run = Run::Off;
        member.frozen = false;
        member.watch.cancel();
        member.console = None;
        member.browser = None;
        let restart = std::mem::take(&mut member.restart);
        if let Some(mut handle) = member.handle.take() {
            // Its thread may need a moment to unwind; the lab does not wait for it.
            state.reaping.retain(|thread| !thread.is_finished());
            state.reaping.push(spawn_blocking(move || {
                handle.join(JOIN_WITHIN);
            }));
        }
        drop(state);
        match reason {
            StopReason::FailedToStart(why) => {
                let text = format!("{node} (port {port}) did not start: {why}");
                self.recorder.notice(NoticeLevel::Error, Some(node), text);
            }
            StopReason::Crashed(why) => {
                let text =
                    format!("{node} (port {port}) crashed: {why}. Start it again to load what it last saved");
                self.recorder.notice(NoticeLevel::Error, Some(node), text);
            }
            StopReason::Shutdown | StopReason::Killed => {}
        }
        // A node that cannot start would be started for ever.
        if restart && !matches!(reason, StopReason::FailedToStart(_)) {
            self.launch(node);
        }
    }
}
