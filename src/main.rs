//! Repliscope: parses the arguments and chooses the entry point.
// Without this, Windows opens a console beside the window. A console finds `repliscope.com`, built without the window.
#![cfg_attr(all(windows, feature = "app", not(debug_assertions)), windows_subsystem = "windows")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use repliscope::lab::headless::{UpOptions, up};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A scope for Redis replication: a real replicated cluster, made visible.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Entry>,
}

#[derive(Debug, Subcommand)]
enum Entry {
    /// Start a replicated cluster in the terminal, until Ctrl-C.
    Up(Up),
    /// Run one node with Redis' own command line: [redis.conf] [--name value …].
    #[command(disable_help_flag = true)]
    Server {
        /// Path of a redis.conf, then directives as `--name value`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Open a recording in the window.
    Replay {
        /// A file that *Save recording…* wrote.
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Up {
    /// Replicas of the one master.
    #[arg(long, default_value_t = 2)]
    replicas: u16,
    /// Port of the master; the replicas' follow.
    #[arg(long, default_value_t = 7001)]
    port: u16,
    /// Folder that holds a folder for each node.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Load the data that the folders hold, instead of setting it aside.
    #[arg(long)]
    keep_data: bool,
    /// Print the journal as JSON lines.
    #[arg(long)]
    json: bool,
}

impl Default for Up {
    fn default() -> Self {
        Self { replicas: 2, port: 7001, dir: None, keep_data: false, json: false }
    }
}

fn main() -> ExitCode {
    // Subcommands print where they were typed; a window needs no console.
    if std::env::args_os().len() > 1 {
        repliscope_platform::attach_parent_console();
    }
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    // Scripts that start `redis-server` find one here.
    if PathBuf::from(&program).file_stem().is_some_and(|name| name == "redis-server") {
        return match args.map(std::ffi::OsString::into_string).collect::<Result<Vec<_>, _>>() {
            Ok(args) => repliscope::node::serve(&args),
            Err(arg) => report(Err(anyhow::anyhow!("the argument {} is not valid Unicode", arg.display()))),
        };
    }
    match Cli::parse().command {
        Some(Entry::Server { args }) => repliscope::node::serve(&args),
        Some(Entry::Up(options)) => in_terminal(options),
        Some(Entry::Replay { file }) => in_window(Some(file)),
        None => in_window(None),
    }
}

fn in_terminal(options: Up) -> ExitCode {
    let Up { replicas, port, dir, keep_data, json } = options;
    report(up(UpOptions { replicas, port, dir, keep_data, json }).map_err(anyhow::Error::from))
}

/// Opens the window; where none can be opened, says why and runs the cluster in the terminal.
#[cfg(feature = "app")]
fn in_window(recording: Option<PathBuf>) -> ExitCode {
    use repliscope::app::{AppOptions, LabClient, run};
    use repliscope::lab::headless::default_dir;
    use repliscope::lab::{LabOptions, start};

    let replaying = recording.is_some();
    let connect = Box::new(|wake: repliscope::app::Wake| {
        let options = LabOptions { data_dir: default_dir(), keep_data: false, asks_before_wipe: true };
        match start(wake, options) {
            Ok(lab) => LabClient::new(lab.entries, lab.commands).with_guard(EndLab::new(lab.handle)),
            Err(error) => LabClient::failed(&format!("the lab could not start: {error}")),
        }
    });
    match run(AppOptions { connect, recording }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if cfg!(windows) => {
            error.show_box();
            report(Err(error.into()))
        }
        Err(error) if replaying || !error.is_before_start() => report(Err(error.into())),
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "repliscope: {error}\nRunning the cluster in the terminal instead."
            );
            in_terminal(Up::default())
        }
    }
}

/// What a build without the window does instead: it starts `repliscope.exe` if that is beside it, as it is on Windows,
/// where this is the `repliscope.com` that a console finds first; else it runs the cluster in the terminal.
#[cfg(not(feature = "app"))]
fn in_window(recording: Option<PathBuf>) -> ExitCode {
    let this = std::env::current_exe().unwrap_or_default();
    let window = this.with_file_name("repliscope.exe");
    if cfg!(windows) && window != this && window.exists() {
        let mut window = std::process::Command::new(window);
        if let Some(file) = recording {
            window.arg("replay").arg(file);
        }
        return report(window.spawn().map(drop).map_err(anyhow::Error::from));
    }
    match recording {
        Some(_) => report(Err(anyhow::anyhow!("this program was built without a window"))),
        None => in_terminal(Up::default()),
    }
}

/// Ends the lab with the window, or with the session if that ends first, and waits for it: a node may have to save.
#[cfg(feature = "app")]
struct EndLab(std::sync::Arc<repliscope::lab::LabHandle>);

#[cfg(feature = "app")]
impl EndLab {
    /// What the lab's end takes at most.
    const WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

    fn new(lab: repliscope::lab::LabHandle) -> Self {
        let lab = std::sync::Arc::new(lab);
        let with_session = std::sync::Arc::downgrade(&lab);
        repliscope_platform::on_session_end(move || {
            // Both may ask and wait: a lab ends once. One that has ended with its window is gone.
            if let Some(lab) = with_session.upgrade() {
                lab.shutdown(Self::WITHIN);
            }
        });
        Self(lab)
    }
}

#[cfg(feature = "app")]
impl Drop for EndLab {
    fn drop(&mut self) {
        self.0.shutdown(Self::WITHIN);
    }
}

fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "repliscope: {error:#}");
            ExitCode::FAILURE
        }
    }
}
