//! A program that ends with the test.

use std::process::{Child, Command, Stdio};

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
