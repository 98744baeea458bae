//! The real window over a made-up cluster that streams, loses its master and gets another one, in real time.
//!
//! `cargo run -p repliscope-ui-tests --features demo --example demo`

#[path = "../story.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod story;

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, unbounded};
use repliscope::app::{AppOptions, LabClient, run};

fn main() -> Result<(), Box<dyn Error>> {
    let connect = |wake: repliscope::app::Wake| {
        let (entries, events) = unbounded();
        let (commands, wishes) = bounded(64);
        thread::spawn(move || {
            let mut story = story::streaming(20.0);
            story.kill(7001);
            story.run(4.0);
            story.promote(7002);
            story.run(600.0);
            let started = Instant::now();
            for entry in story.entries {
                while started.elapsed() < entry.at {
                    thread::sleep(Duration::from_millis(2));
                }
                if entries.send(entry).is_err() {
                    return;
                }
                wake();
                for wish in wishes.try_iter() {
                    eprintln!("wished: {wish:?}");
                }
            }
        });
        LabClient::new(events, commands)
    };
    run(AppOptions { connect: Box::new(connect), recording: None })?;
    Ok(())
}
