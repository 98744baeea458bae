//! One node as a program of its own: `repliscope server`, with Redis' command line, log and signals.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::process::{DEFAULT_PID_FILE, Supervisor, fail, go_on_in_background};
use crate::node::config::{CommandLine, FILE_BYTES_MAX, parse_command_line};
#[cfg(unix)]
use crate::node::message::Signal;
use crate::node::{Config, NodeEvent, NodeHandle, NodeOptions, StopReason};

/// How long a session that ends is held up while the program saves: the system would kill it after five seconds.
const HOLD_SESSION: Duration = Duration::from_secs(4);

/// How long a node may take for its report before SIGABRT ends the process.
#[cfg(unix)]
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs one node until it ends, or until SIGTERM or Ctrl-C ask for its end. `args` are those behind the
/// program's name: `[redis.conf] [--name value …] [-]`.
pub fn serve(args: &[String]) -> ExitCode {
    if let Some(code) = super::usage::answer(args) {
        return code;
    }
    let CommandLine { config_file, reads_stdin, mut directives } = parse_command_line(args);
    let mut config_text = Vec::new();
    if reads_stdin {
        match std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_end(&mut config_text) {
            Ok(bytes) if bytes as u64 <= FILE_BYTES_MAX => {}
            Ok(_) => return fail(&format!("standard input is larger than {FILE_BYTES_MAX} bytes")),
            Err(error) => return fail(&format!("standard input cannot be read: {error}")),
        }
    }
    let config = match Config::load_with_text(config_file.as_deref(), &config_text, &directives) {
        Ok(config) => config,
        Err(errors) => return fail(&errors.to_string()),
    };
    if config.daemonize && !Supervisor::is_there(&config) {
        if let Some(code) = go_on_in_background(&config_text) {
            return code;
        }
        if config.pidfile.is_none() {
            directives.push(("pidfile".to_owned(), DEFAULT_PID_FILE.to_owned()));
        }
    }
    let options =
        NodeOptions { config_file, config_text, directives, is_program: true, ..NodeOptions::default() };
    run(options)
}

fn run(options: NodeOptions) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime for signals: {error}")),
    };
    let (ended, end) = tokio::sync::mpsc::unbounded_channel();
    let reason = runtime.block_on(async {
        // Before the node: a signal at its start must not find the system's own ways.
        let signals = Signals::catch();
        let node = NodeHandle::start(options, move |event| {
            if let NodeEvent::Stopped(reason) = event {
                // The receiver goes only when the process does.
                let _ = ended.send(reason);
            }
        });
        match node {
            Ok(node) => until_end(&node, signals, end).await,
            Err(error) => Some(StopReason::FailedToStart(format!("no thread for the node: {error}"))),
        }
    });
    match reason {
        Some(StopReason::Shutdown) => ExitCode::SUCCESS,
        Some(StopReason::FailedToStart(error)) => fail(&error),
        Some(StopReason::Crashed(panic)) => fail(&format!("the node crashed: {panic}")),
        Some(StopReason::Killed) | None => ExitCode::FAILURE,
    }
}

/// Passes signals on to the node until it has ended. Who presses Ctrl-C a second time does not want to wait.
#[cfg(unix)]
async fn until_end(
    node: &NodeHandle,
    mut signals: Signals,
    mut end: UnboundedReceiver<StopReason>,
) -> Option<StopReason> {
    loop {
        tokio::select! {
            biased;
            reason = end.recv() => return reason,
            caught = signals.next() => match caught {
                Caught::End(Signal::Interrupt) if node.is_ending() => {
                    fail("You insist... exiting now.");
                    return Some(StopReason::Killed);
                }
                Caught::End(signal) => node.signal(signal),
                Caught::Abort => {
                    node.abort();
                    // The node ends the process after its report; one that is busy must not outlive the signal.
                    tokio::time::sleep(LAST_WORDS).await;
                    repliscope_platform::die_of(repliscope_platform::DeadlySignal::Abort);
                }
            },
        }
    }
}

/// Windows gives a program that must end less time than replicas may take.
#[cfg(not(unix))]
async fn until_end(
    node: &NodeHandle,
    _: Signals,
    mut end: UnboundedReceiver<StopReason>,
) -> Option<StopReason> {
    tokio::select! {
        biased;
        reason = end.recv() => reason,
        () = asked_to_end() => {
            node.stop();
            end.recv().await
        }
    }
}

/// A signal that has come.
#[cfg(unix)]
enum Caught {
    /// It asks for the end.
    End(Signal),
    /// SIGABRT: where the node stands is to be reported first.
    Abort,
}

/// The signals that a server obeys, and the one that it must survive: its terminal may go without it.
#[cfg(unix)]
struct Signals {
    abort: Option<tokio::signal::unix::Signal>,
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
    _hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// From now on they do not end the process by themselves.
    fn catch() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let catch = |kind| signal(kind).ok();
        Self {
            abort: catch(SignalKind::from_raw(repliscope_platform::DeadlySignal::Abort.number())),
            interrupt: catch(SignalKind::interrupt()),
            terminate: catch(SignalKind::terminate()),
            _hangup: catch(SignalKind::hangup()),
        }
    }

    async fn next(&mut self) -> Caught {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = one(&mut self.abort) => Caught::Abort,
            () = one(&mut self.interrupt) => Caught::End(Signal::Interrupt),
            () = one(&mut self.terminate) => Caught::End(Signal::Terminate),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> Self {
        Self
    }
}

/// Comes when the user or the system wants the program to end.
///
/// Where the system would end the program as soon as it has told it (the console is closed, the session ends), it is
/// kept waiting from then on, so that the caller can save and let `main` return.
pub async fn asked_to_end() {
    tokio::select! {
        () = signalled() => {}
        () = session_ended() => {}
    }
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let ctrl_c = tokio::signal::ctrl_c();
    match (signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
        (Ok(mut terminate), Ok(mut hangup)) => {
            tokio::select! {
                _ = ctrl_c => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        _ => {
            let _ = ctrl_c.await;
        }
    }
}

#[cfg(windows)]
async fn signalled() {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let ctrl_c = tokio::signal::ctrl_c();
    // Windows ends the program when the handler of the last three returns; tokio's never does.
    match (ctrl_break(), ctrl_close(), ctrl_logoff(), ctrl_shutdown()) {
        (Ok(mut ctrl_break), Ok(mut close), Ok(mut logoff), Ok(mut shutdown)) => {
            tokio::select! {
                _ = ctrl_c => {}
                _ = ctrl_break.recv() => {}
                _ = close.recv() => {}
                _ = logoff.recv() => {}
                _ = shutdown.recv() => {}
            }
        }
        _ => {
            let _ = ctrl_c.await;
        }
    }
}

/// Log-off and shutdown as Windows tells them to a program that could have a window, which `ctrl_logoff` and
/// `ctrl_shutdown` do not reach: ours could, even when it runs in a console.
async fn session_ended() {
    let (tell, told) = tokio::sync::oneshot::channel();
    repliscope_platform::on_session_end(move || {
        // The receiver is gone if the program is ending already; that takes its time as well.
        let _ = tell.send(());
        std::thread::sleep(HOLD_SESSION);
    });
    // Where no session ends like this, the sender is dropped unused.
    if told.await.is_err() {
        std::future::pending::<()>().await;
    }
}
