//! Programs that end with the test, and in time.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Far longer than any program of the tests takes; one that is still running then waits for ever.
const LONGEST: Duration = Duration::from_mins(1);

/// Runs a program to its end: whether it succeeded, and what it printed on stdout and stderr, in its order.
///
/// A program that does not end is killed and has failed, so that no test waits for ever for something from outside.
#[track_caller]
pub fn finished(command: &mut Command) -> (bool, String) {
    let printed = tempfile::NamedTempFile::new().unwrap();
    let output = || printed.as_file().try_clone().unwrap();
    let begun = Instant::now();
    let mut program = Program(command.stdout(output()).stderr(output()).spawn().unwrap());
    while !program.has_ended() {
        if begun.elapsed() > LONGEST {
            drop(program);
            return (false, format!("killed after {LONGEST:?}: {command:?}\n{}", text_of(printed.path())));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    (program.0.wait().unwrap().success(), text_of(printed.path()))
}

fn text_of(path: &std::path::Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

#[derive(Debug)]
pub struct Program(pub Child);

impl Program {
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
