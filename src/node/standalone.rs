//! One node as a program of its own: `repliscope server`, with Redis' command line, log and signals.

use std::process::ExitCode;
use std::time::Duration;

use super::config::parse_command_line;
use super::{NodeEvent, NodeHandle, NodeOptions, StopReason};

/// How long a session that ends is held up while the program saves: the system would kill it after five seconds.
const HOLD_SESSION: Duration = Duration::from_secs(4);

/// Runs one node until it ends, or until SIGTERM or Ctrl-C ask for its end. `args` are those behind the
/// program's name: `[redis.conf] [--name value …]`.
pub fn serve(args: &[String]) -> ExitCode {
    let (config_file, directives) = parse_command_line(args);
    let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
    let options = NodeOptions { config_file, directives, log_to_stdout: true, asks_before_wipe: false };
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
        tokio::select! {
            biased;
            reason = end.recv() => reason,
            () = asked_to_end() => {
                // Windows gives a program that must end less time than replicas may take.
                if cfg!(windows) { node.stop() } else { node.stop_when_replicas_have_all() }
                end.recv().await
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
