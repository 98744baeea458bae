//! The console of a program that was built without one.

/// Lets a program that is built for a window print in the console that it was started from.
///
/// Windows gives such a program no console, so `repliscope up` would print nowhere and hear no Ctrl-C. This joins the
/// one of the program that started it, if that has one. Output and input that were redirected to a file or a pipe
/// stay there. Call it first in `main`, for subcommands only: a window needs no console. A console's own shell does
/// not wait for such a program: it prompts at once, and lines of both mix.
///
/// Nothing happens in a program that has a console, or on other systems.
pub fn attach_parent_console() {
    #[cfg(windows)]
    crate::windows::attach_parent_console();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;
    use std::process::{Command, Stdio};

    const INNER: &str = "REPLISCOPE_TEST_ATTACH";

    /// Runs in a process of its own, which the test below starts.
    #[test]
    fn inner() {
        if std::env::var_os(INNER).is_some() {
            super::attach_parent_console();
            writeln!(std::io::stdout(), "still here").unwrap();
            writeln!(std::io::stderr(), "here too").unwrap();
        }
    }

    #[test]
    fn redirected_output_stays_redirected() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", "console::tests::inner"]).env(INNER, "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt as _;
            // As a program with a window begins: without a console, so that it can attach to ours.
            const DETACHED_PROCESS: u32 = 8;
            command.creation_flags(DETACHED_PROCESS);
        }
        let output = command.output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("still here"), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("here too"), "{output:?}");
    }
}
