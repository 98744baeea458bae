//! The node's thread: start, timers, and how it ends.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::absolute;
use std::rc::{Rc, Weak};
use std::sync::mpsc as std_mpsc;
use std::time::Instant;

use repliscope_platform::DeadlySignal;
use tokio::task::LocalSet;

use super::config::Config;
use super::event::{NodeEvent, StopReason};
use super::message::{Message, NodeOptions, Wake};
use super::node::{Node, Shared};
use super::tasks::Exit;
use crate::node::clients::registry::Clients;
use crate::node::disk::files::Disk;
use crate::node::keys::dataset::Dataset;
use crate::node::observe::figures::Figures;
use crate::node::observe::log::Log;
use crate::node::program::crash::{Crash, remember_panics};
use crate::node::program::process::Process;
use crate::node::replication::shutdown::Ending;
use crate::node::replication::state::Replication;
use crate::node::time::clock::Clock;
use crate::persistence::FaultyDisk;
use crate::replication::ReplId;
use crate::store::Random;

/// Runs a node on this thread until it ends.
pub(super) fn run(
    options: NodeOptions,
    messages: std_mpsc::Receiver<Message>,
    wake: &Wake,
    disk: FaultyDisk,
    on_event: Box<dyn FnMut(NodeEvent)>,
) {
    let on_event = Rc::new(RefCell::new(on_event));
    let events = Rc::clone(&on_event);
    remember_panics();
    let begun = Instant::now();
    let exit = Rc::new(Exit::default());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return StopReason::FailedToStart(format!("no runtime: {error}")),
        };
        let local = LocalSet::new();
        let exit = Rc::clone(&exit);
        let emit = Box::new(move |event| (events.borrow_mut())(event));
        // The set is dropped before the runtime, and with it every task: sockets close or reset in their drop.
        local.block_on(&runtime, live(options, messages, wake, disk, emit, exit, begun))
    }));
    let reason = outcome.unwrap_or_else(|payload| StopReason::Crashed(Crash::caught(payload).why));
    if let Some(delay) = exit.restart.get() {
        std::thread::sleep(delay);
        crate::node::program::process::begin_anew();
    }
    (on_event.borrow_mut())(NodeEvent::Stopped(reason));
}

async fn live(
    options: NodeOptions,
    messages: std_mpsc::Receiver<Message>,
    wake: &Wake,
    disk: FaultyDisk,
    events: Box<dyn FnMut(NodeEvent)>,
    exit: Rc<Exit>,
    begun: Instant,
) -> StopReason {
    let shared = match create(&options, disk, events, &exit) {
        Ok(shared) => shared,
        Err(error) => return StopReason::FailedToStart(error),
    };
    if let Err(error) = shared.borrow_mut().fit_maxclients() {
        return StopReason::FailedToStart(error);
    }
    let bound =
        crate::node::clients::listener::bind_at_start(&mut shared.borrow_mut().config, options.any_free_port);
    let listeners = match bound {
        Ok(listeners) => listeners,
        Err(error) => {
            let mut node = shared.borrow_mut();
            node.warning(error.log_line());
            return StopReason::FailedToStart(error.to_string());
        }
    };
    shared.borrow_mut().remove_stale_files();
    shared.borrow_mut().accept_on(listeners);
    #[cfg(unix)]
    {
        let mut node = shared.borrow_mut();
        if let Err(error) = node.listen_on_unix_socket() {
            node.warning(&error);
            return StopReason::FailedToStart(error);
        }
    }
    {
        let mut node = shared.borrow_mut();
        if !node.is_reachable() {
            const NOWHERE: &str = "Configured to not listen anywhere, exiting.";
            node.warning(NOWHERE);
            return StopReason::FailedToStart(NOWHERE.to_owned());
        }
        node.write_pid_file();
    }
    shared.borrow().spawn(super::cron::run(Rc::clone(&shared)));
    let reason = tokio::select! {
        biased;
        reason = exit.wait() => reason,
        reason = obey(&shared, &messages, wake, &exit) => reason,
        reason = load_then_serve(&shared, begun) => reason,
    };
    if let Some(crash) = exit.crash.take() {
        // The node may be in any state, and its last words must not be its second crash.
        let _ = catch_unwind(AssertUnwindSafe(|| shared.borrow_mut().report_crash(&crash)));
        if options.is_program {
            shared.borrow_mut().end_process(&crash);
        }
    }
    reason
}

/// Loads the data, and serves from then on; returns only if the data cannot be served.
async fn load_then_serve(shared: &Shared, begun: Instant) -> StopReason {
    match crate::node::disk::start::load_at_start(shared).await {
        Ok(keys) => shared.borrow_mut().begin_to_serve(keys, begun),
        Err(error) => return StopReason::FailedToStart(error),
    }
    std::future::pending().await
}

impl Node {
    /// A banner for people at a terminal, one line for a file; `always-show-logo` shows the banner in both.
    fn show_banner(&mut self) {
        let (port, pid) = (self.config.port, std::process::id());
        let on_terminal = self.config.logfile.is_empty() && std::io::stdout().is_terminal();
        if !on_terminal && !self.config.always_show_logo {
            return self.notice(format!("Running mode=standalone, port={port}."));
        }
        self.figures.log.raw(&format!(
            "\n   Repliscope {} (Redis {} compatible)\n   Running in standalone mode\n   Port: {port}\n   PID: {pid}\n\n",
            env!("CARGO_PKG_VERSION"),
            crate::node::config::REDIS_VERSION,
        ));
    }

    /// Whether anybody can connect.
    fn is_reachable(&self) -> bool {
        #[cfg(unix)]
        let has_socket = self.clients.unix_socket.is_some();
        #[cfg(not(unix))]
        let has_socket = false;
        has_socket || !self.clients.listening.is_empty()
    }

    /// The data is there.
    fn begin_to_serve(&mut self, keys_loaded: u64, begun: Instant) {
        let (port, run_id) = (self.config.port, self.run_id.clone());
        if !self.clients.listening.is_empty() {
            self.notice("Ready to accept connections");
        }
        #[cfg(unix)]
        if self.clients.unix_socket.is_some() {
            let name = self.config.text("unixsocket").to_owned();
            self.notice(format!("The server is now ready to accept connections at {name}"));
        }
        self.tell_ready();
        self.emit(NodeEvent::Ready { port, run_id, keys_loaded, took: begun.elapsed() });
        if let Some((host, port)) = self.config.replicaof.clone() {
            let held = self.replication.restored.then(|| self.ledger().own());
            self.start_upstream(host, port, held, false);
        }
        // Not before: a replica that calls itself a master for an instant would be taken for one.
        self.settle_role();
        self.update_notifying();
        self.update_timing();
        self.set_client_limit();
    }
}

/// Does what the handle asks.
async fn obey(
    shared: &Shared,
    messages: &std_mpsc::Receiver<Message>,
    wake: &Wake,
    exit: &Exit,
) -> StopReason {
    // Asked for while the node was frozen: done when it is thawed, in the order in which it was asked.
    let mut waiting = VecDeque::new();
    loop {
        while let Some(message) = waiting.pop_front().or_else(|| messages.try_recv().ok()) {
            match message {
                Message::Kill => return killed(exit),
                Message::Signal(signal, asked) => shared.borrow_mut().end_by_signal(signal, &asked),
                Message::Abort => exit.crash(Crash::by_signal(DeadlySignal::Abort)),
                Message::Stop => {
                    let mut node = shared.borrow_mut();
                    node.warning("Received a request to stop, scheduling shutdown...");
                    let wants_file = !node.config.save.is_empty();
                    // A failure is in the log, and the node goes on.
                    let _ = node.begin_shutdown(Ending { wants_file, force: false }, true);
                }
                Message::BeginFault(fault) => shared.borrow_mut().begin_fault(fault),
                Message::EndFault(kind) => shared.borrow_mut().end_fault(kind),
                Message::AskBeforeWipe(asks) => shared.borrow_mut().ask_before_wipe(asks),
                Message::LetWipe => shared.borrow_mut().let_wipe(),
                Message::Freeze => {
                    shared.borrow_mut().emit(NodeEvent::Frozen);
                    // The whole thread waits: nothing is served, all sockets stay open.
                    loop {
                        match messages.recv() {
                            Ok(Message::Thaw) => break,
                            Ok(Message::Kill) | Err(_) => return killed(exit),
                            Ok(other) => waiting.push_back(other),
                        }
                    }
                    shared.borrow_mut().emit(NodeEvent::Thawed);
                }
                Message::Thaw => {}
            }
        }
        wake.notified().await;
    }
}

/// Nothing is flushed, and peers see a reset.
fn killed(exit: &Exit) -> StopReason {
    exit.reset_sockets.set(true);
    StopReason::Killed
}

fn create(
    options: &NodeOptions,
    disk: FaultyDisk,
    events: Box<dyn FnMut(NodeEvent)>,
    exit: &Rc<Exit>,
) -> Result<Shared, String> {
    let config =
        Config::load_with_text(options.config_file.as_deref(), &options.config_text, &options.directives)
            .map_err(|errors| errors.to_string())?;
    if !config.dir.as_os_str().is_empty() && !config.dir.is_dir() {
        return Err(format!("dir '{}': no such directory", config.dir.display()));
    }
    let logfile = if config.logfile.is_empty() { None } else { Some(config.dir.join(&config.logfile)) };
    let log = Log::open(config.loglevel, options.is_program, logfile.as_deref())
        .map_err(|error| format!("logfile '{}': {error}", config.logfile))?;
    let no_chance = |error| format!("the system gives no random numbers: {error}");
    let random = Random::new(getrandom::u64().map_err(no_chance)?);
    let new_id = || {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes).map(|()| ReplId::from_bytes(bytes)).map_err(no_chance)
    };
    let (run_id, replid) = (new_id()?.to_string(), new_id()?);
    let clock = Clock::start();
    let key_load_delay = crate::persistence::KeyDelay::default();
    key_load_delay.set(config.key_load_delay_us);
    let node = Node {
        me: Weak::new(),
        exit: Rc::clone(exit),
        config_file: options
            .config_file
            .as_deref()
            .map(|path| absolute(path).unwrap_or_else(|_| path.into())),
        run_id,
        events,
        process: Process::of(options),
        figures: Figures::new(log),
        data: Dataset::new(config.databases as usize, random),
        disk: Disk::new(disk, clock.unix().as_secs(), key_load_delay),
        clients: Clients::default(),
        replication: Replication::new(replid, options.asks_before_wipe),
        clock,
        config,
    };
    let shared = Rc::new(RefCell::new(node));
    {
        let mut node = shared.borrow_mut();
        node.me = Rc::downgrade(&shared);
        if options.is_program {
            node.find_supervisor();
            node.show_banner();
        }
        for (level, sentence) in node.config.without_effect(None) {
            node.log(level, sentence);
        }
    }
    Ok(shared)
}
