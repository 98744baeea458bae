//! The process around a node: its pid file, who supervises it, how it goes on in the background or begins anew.
//!
//! It must not know clients or data. What a supervisor is told, and when, are Redis' words at Redis' moments.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::node::config::Config;
use crate::node::event::{LogLevel, StopReason};
use crate::node::message::NodeOptions;
use crate::node::node::Node;
use crate::node::replication::shutdown::Ending;

/// Where a server in the background writes its process id unless `pidfile` says otherwise.
pub(super) const DEFAULT_PID_FILE: &str = "/var/run/redis.pid";
/// Marks a process that was started to go on in the background.
const IN_BACKGROUND: &str = "REPLISCOPE_IN_BACKGROUND";
/// Where systemd listens, set by itself.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Set by upstart.
const UPSTART_JOB: &str = "UPSTART_JOB";

/// Who has started the process and waits for word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::node) enum Supervisor {
    #[default]
    None,
    Upstart,
    Systemd,
}

impl Supervisor {
    /// INFO's `process_supervised`.
    pub(in crate::node) fn word(self) -> &'static str {
        match self {
            Self::None => "no",
            Self::Upstart => "upstart",
            Self::Systemd => "systemd",
        }
    }

    /// Whom `supervised` asks for; `auto` is whoever has left a mark in the environment.
    fn asked(config: &Config) -> Self {
        match config.text("supervised") {
            "upstart" => Self::Upstart,
            "systemd" => Self::Systemd,
            "auto" if is_set(UPSTART_JOB) => Self::Upstart,
            "auto" if is_set(NOTIFY_SOCKET) => Self::Systemd,
            _ => Self::None,
        }
    }

    /// Whether whom `supervised` asks for is there.
    pub(super) fn is_there(config: &Config) -> bool {
        match Self::asked(config) {
            Self::None => false,
            Self::Upstart => is_set(UPSTART_JOB),
            Self::Systemd => is_set(NOTIFY_SOCKET),
        }
    }
}

/// The process that a node lives in.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::node) struct Process {
    pub(in crate::node) supervisor: Supervisor,
    /// The node is the whole program.
    is_program: bool,
    /// A part of the configuration came from standard input, which cannot be read again.
    has_read_stdin: bool,
}

impl Process {
    pub(in crate::node) fn of(options: &NodeOptions) -> Self {
        Self {
            supervisor: Supervisor::None,
            is_program: options.is_program,
            has_read_stdin: !options.config_text.is_empty(),
        }
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

impl Node {
    /// At the start of a process: looks for its supervisor, and tells it that the data load.
    pub(in crate::node) fn find_supervisor(&mut self) {
        let asked = Supervisor::asked(&self.config);
        if self.config.text("supervised") == "auto" && asked != Supervisor::None {
            self.log(LogLevel::Verbose, format!("Supervision by {} detected.", asked.word()));
        }
        match asked {
            Supervisor::None => {}
            Supervisor::Upstart if !is_set(UPSTART_JOB) => {
                self.warning("upstart supervision requested, but UPSTART_JOB not found!");
            }
            Supervisor::Upstart => {
                self.process.supervisor = asked;
                self.notice("supervised by upstart, will stop to signal readiness.");
                repliscope_platform::stop_this_process();
            }
            Supervisor::Systemd => {
                self.process.supervisor = asked;
                if self.tell_supervisor("STATUS=Redis is loading...\n") {
                    self.notice(
                        "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and \
                         TimeoutStopSec in your service unit.",
                    );
                } else {
                    self.process.supervisor = Supervisor::None;
                }
            }
        }
    }

    /// Sends a message of the protocol of `sd_notify` to systemd, if that supervises the process; `true` if it is sent.
    pub(in crate::node) fn tell_supervisor(&mut self, message: &str) -> bool {
        if self.process.supervisor != Supervisor::Systemd {
            return false;
        }
        let Some(socket) = std::env::var_os(NOTIFY_SOCKET) else {
            self.warning("systemd supervision error: NOTIFY_SOCKET not found!");
            return false;
        };
        let sent = repliscope_platform::send_datagram(&socket, message.as_bytes());
        if let Err(error) = &sent {
            self.warning(format!("systemd supervision error: sd_notify: {error}"));
        }
        sent.is_ok()
    }

    /// The data are there: the supervisor may start what needs this server.
    pub(in crate::node) fn tell_ready(&mut self) {
        self.tell_supervisor(if self.config.replicaof.is_some() {
            "STATUS=Ready to accept connections in read-only mode. Waiting for MASTER <-> REPLICA sync\n"
        } else {
            "STATUS=Ready to accept connections\n"
        });
        self.tell_supervisor("READY=1\n");
    }

    /// DEBUG RESTART and CRASH-AND-RECOVER: the node ends, and `delay` after that this program begins anew in the same
    /// process; `gracefully` with its configuration and data saved.
    ///
    /// # Errors
    /// Why the node goes on instead, for the log.
    pub(in crate::node) fn restart(&mut self, gracefully: bool, delay: Duration) -> Result<(), String> {
        if !self.process.is_program {
            return Err("this node is a part of another program".to_owned());
        }
        if !cfg!(unix) {
            return Err("this system cannot exchange the program of a process".to_owned());
        }
        if self.process.has_read_stdin {
            return Err("standard input, where the configuration came from, cannot be read again".to_owned());
        }
        let program =
            std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
        if !program.is_file() {
            return Err(format!("there is no program {} any more", program.display()));
        }
        if gracefully {
            if let Some(path) = &self.config_file {
                let rewritten = self.config.rewrite(path);
                rewritten.map_err(|error| format!("configuration rewrite process failed: {error}"))?;
            }
            let wants_file = !self.config.save.is_empty();
            self.begin_shutdown(Ending { wants_file, force: false }, true)
                .map_err(|error| format!("error preparing for shutdown: {error}"))?;
        } else {
            self.exit.stop(StopReason::Killed);
        }
        self.exit.restart(delay);
        Ok(())
    }

    fn pid_file(&self) -> Option<PathBuf> {
        Some(self.config.dir.join(self.config.pidfile.as_ref()?))
    }

    /// Writes `pidfile`; a failure stops nobody, as in Redis.
    pub(in crate::node) fn write_pid_file(&mut self) {
        let Some(path) = self.pid_file() else { return };
        if let Err(error) = std::fs::write(&path, format!("{}\n", std::process::id())) {
            self.warning(format!("Writing the pid file {} failed: {error}", path.display()));
        }
    }

    /// At a clean end.
    pub(in crate::node) fn remove_pid_file(&mut self) {
        if self.pid_file().is_some() {
            self.notice("Removing the pid file.");
            self.delete_pid_file();
        }
    }

    /// At any end that leaves nobody to ask for it.
    pub(super) fn delete_pid_file(&self) {
        if let Some(path) = self.pid_file() {
            // Somebody may have taken it away already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// `daemonize yes`: starts this program again in a session of its own, without a terminal, and says how the present
/// process ends; `None` in the one that goes on. `standard_input` is what was read there.
///
/// A fork would do it in one step, but only before there are threads, and not without unsafe code.
pub(super) fn go_on_in_background(standard_input: &[u8]) -> Option<ExitCode> {
    if is_set(IN_BACKGROUND) {
        // Fails only where the process leads a session already.
        let _ = repliscope_platform::begin_session();
        return None;
    }
    let started = start_again(standard_input);
    Some(match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot go on in the background: {error}")),
    })
}

/// This program with the arguments that it was started with.
fn this_program() -> std::io::Result<Command> {
    let mut arguments = std::env::args_os();
    let called = arguments.next();
    let mut command = Command::new(std::env::current_exe()?);
    #[cfg(unix)]
    if let Some(called) = called {
        std::os::unix::process::CommandExt::arg0(&mut command, called);
    }
    #[cfg(not(unix))]
    drop(called);
    command.args(arguments);
    Ok(command)
}

/// Exchanges the program of this process for a new run of itself; returns only if the system refuses that.
pub(in crate::node) fn begin_anew() {
    #[cfg(unix)]
    {
        let error = match this_program() {
            Ok(mut program) => std::os::unix::process::CommandExt::exec(&mut program),
            Err(error) => error,
        };
        fail(&format!("cannot begin anew: {error}"));
    }
}

fn start_again(standard_input: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut command = this_program()?;
    command.env(IN_BACKGROUND, "1").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // Closing it is the end of the text.
    child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(standard_input))
}

/// Says on standard error why the program ends.
pub(super) fn fail(text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}
