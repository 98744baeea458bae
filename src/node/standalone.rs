//! One node as a program of its own: `repliscope server`, with Redis' command line, log and signals.

use std::process::ExitCode;

use super::config::parse_command_line;
use super::{NodeEvent, NodeHandle, NodeOptions, StopReason};

/// Runs one node until it ends, or until SIGTERM or Ctrl-C ask for its end. `args` are those behind the
/// program's name: `[redis.conf] [--name value …]`.
pub fn serve(args: &[String]) -> ExitCode {
    let (config_file, directives) = parse_command_line(args);
    let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
    let options = NodeOptions { config_file, directives, log_to_stdout: true };
    let started = NodeHandle::start(options, move |event| {
        if let NodeEvent::Stopped(reason) = event {
            // The receiver goes only when the process does.
            let _ = ended.send(reason);
        }
    });
    let node = match started {
        Ok(node) => node,
        Err(error) => return fail(&format!("no thread for the node: {error}")),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime for signals: {error}")),
    };
    let reason = runtime.block_on(async {
        loop {
            tokio::select! {
                biased;
                reason = end.recv() => break reason,
                () = asked_to_end() => node.stop(),
            }
        }
    });
    match reason {
        Some(StopReason::Shutdown) => ExitCode::SUCCESS,
        Some(StopReason::FailedToStart(error)) => fail(&error),
        Some(StopReason::Crashed(panic)) => fail(&format!("the node crashed: {panic}")),
        Some(StopReason::Killed) | None => ExitCode::FAILURE,
    }
}

fn fail(text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

/// Comes when the user or the system wants the program to end.
pub async fn asked_to_end() {
    #[cfg(unix)]
    {
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
    {
        use tokio::signal::windows::{ctrl_close, ctrl_logoff, ctrl_shutdown};
        let ctrl_c = tokio::signal::ctrl_c();
        match (ctrl_close(), ctrl_logoff(), ctrl_shutdown()) {
            (Ok(mut close), Ok(mut logoff), Ok(mut shutdown)) => {
                tokio::select! {
                    _ = ctrl_c => {}
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
}
