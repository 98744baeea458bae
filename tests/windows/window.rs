//! The window of the Windows program, on a screen of its own: it opens, starts a cluster by a click, and says what is
//! wrong where nothing can be drawn.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::support::{self, windows};
use super::{Program, SOON, ask, until, until_streaming, until_within};

/// Both themes' colour of what answers and streams.
const GREEN: [&str; 2] = ["#4CD08F", "#0A7447"];
/// Where the marks of the three nodes are in a window of 1280 by 800.
const MARKS: [(i32, i32); 3] = [(317, 152), (180, 334), (454, 334)];
/// The ports that the window offers.
pub(super) const PORTS: [u16; 3] = [7001, 7002, 7003];

/// An X server on a free display.
pub(super) struct Screen {
    _server: Program,
    display: String,
}

impl Screen {
    pub(super) fn start(more: &[&str]) -> Self {
        windows::forget_screen();
        let mut server = Command::new("Xvfb");
        server
            .args(["-displayfd", "1", "-screen", "0", "1320x860x24", "-nolisten", "tcp"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = Program::start(&mut server);
        let mut number = String::new();
        let mut told = server.0.stdout.take().unwrap();
        let mut byte = [0];
        while told.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            number.push(char::from(byte[0]));
        }
        Self { _server: server, display: format!(":{number}") }
    }

    pub(super) fn display(&self) -> &str {
        &self.display
    }

    pub(super) fn program(&self, variables: &[(&str, &str)]) -> Program {
        let mut program = windows::command("repliscope.exe");
        program.env("DISPLAY", &self.display).env_remove("WGPU_BACKEND").envs(variables.iter().copied());
        Program::start(program.stderr(Stdio::null()).stdout(Stdio::null()))
    }

    /// Runs a tool of X on this screen; what it prints, or `None` when it fails.
    fn run(&self, tool: &str, args: &[&str]) -> Option<String> {
        let output = Command::new(tool).args(args).env("DISPLAY", &self.display).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The number of the program's window, once it is there.
    #[track_caller]
    fn window(&self, program: &mut Program) -> String {
        let mut found = String::new();
        until_within(SOON, "the window is there", || {
            assert!(!program.has_ended(), "the program ended without a window");
            let windows = self.run("xdotool", &["search", "--onlyvisible", "--name", "^Repliscope$"]);
            let first = windows.as_deref().and_then(|windows| windows.lines().next());
            first.unwrap_or_default().clone_into(&mut found);
            !found.is_empty()
        });
        found
    }

    fn shot(&self, window: &str, path: &Path) {
        let path = path.to_str().unwrap();
        self.run("import", &["-silent", "-window", window, "-strip", path]).unwrap();
    }

    /// Takes the window's picture until more than its background is in it.
    #[track_caller]
    fn first_shot(&self, window: &str, path: &Path) {
        until_within(SOON, "the window is drawn", || {
            std::thread::sleep(Duration::from_millis(500));
            self.shot(window, path);
            colors(path) > 50
        });
    }
}

fn colors(picture: &Path) -> usize {
    let output = Command::new("identify").args(["-format", "%k"]).arg(picture).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0)
}

/// How many pixels around a point are green.
fn green_around(picture: &Path, (x, y): (i32, i32)) -> usize {
    let around = format!("24x24+{}+{}", x - 12, y - 12);
    let args = ["-crop", &around, "+repage", "-depth", "8", "txt:-"];
    let output = Command::new("convert").arg(picture).args(args).output().unwrap();
    let pixels = String::from_utf8_lossy(&output.stdout).into_owned();
    pixels.lines().filter(|pixel| GREEN.iter().any(|green| pixel.contains(green))).count()
}

/// Where the pictures go: into the project when asked, else beside what was built.
fn pictures() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match std::env::var_os("REPLISCOPE_SCREENSHOTS") {
        Some(folder) => project.join(folder),
        None => project.join("target/windows/screenshots"),
    };
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(super) fn missing() -> bool {
    windows::missing() || ["Xvfb", "xdotool", "import", "script"].into_iter().any(is_missing)
}

fn is_missing(tool: &str) -> bool {
    let found = Command::new("which").arg(tool).stdout(Stdio::null()).status();
    !found.is_ok_and(|status| status.success()) && support::skip(&format!("{tool} is not installed"))
}

/// Waits for the window and presses *Start 3-node cluster*; returns the window once both replicas stream.
#[track_caller]
pub(super) fn start_cluster(screen: &Screen, program: &mut Program) -> String {
    for port in PORTS {
        assert_eq!(ask(port, "PING"), None, "this test needs port {port} to itself");
    }
    let window = screen.window(program);
    screen.first_shot(&window, &pictures().join("windows-start.png"));
    screen.run("xdotool", &["mousemove", "--window", &window, "640", "346", "click", "1"]).unwrap();
    until("the cluster answers", || PORTS.iter().all(|port| ask(*port, "PING").as_deref() == Some("PONG")));
    until_streaming(PORTS[0], &PORTS[1..]);
    window
}

#[test]
fn a_click_in_the_window_starts_three_green_nodes() {
    if missing() {
        return;
    }
    let screen = Screen::start(&[]);
    let mut program = screen.program(&[]);
    let window = start_cluster(&screen, &mut program);
    assert_eq!(ask(PORTS[0], "SET greeting hello").unwrap(), "OK");
    until("the write arrives", || ask(PORTS[2], "GET greeting").as_deref() == Some("hello"));

    let picture = pictures().join("windows.png");
    let mut green = MARKS.map(|_| 0);
    until_within(SOON, "the picture shows three green nodes", || {
        std::thread::sleep(Duration::from_secs(1));
        screen.shot(&window, &picture);
        green = MARKS.map(|mark| green_around(&picture, mark));
        green.iter().all(|pixels| *pixels > 40)
    });
    println!("green pixels of the nodes' marks: {green:?}");

    // The nodes end with the window, in good order.
    screen.run("xdotool", &["windowfocus", "--sync", &window, "key", "alt+F4"]).unwrap();
    until("the program ends", || program.has_ended());
    assert!(program.0.wait().unwrap().success());
    assert!(PORTS.iter().all(|port| ask(*port, "PING").is_none()), "the nodes end with the program");
}

#[test]
fn where_direct3d_cannot_draw_the_window_opens_all_the_same() {
    if missing() {
        return;
    }
    let screen = Screen::start(&[]);
    // Wine 8 has no compiler of shaders for Direct3D 12, and the variable forbids Vulkan: only OpenGL is left.
    let mut program = screen.program(&[("WGPU_BACKEND", "dx12")]);
    let window = screen.window(&mut program);
    screen.first_shot(&window, &pictures().join("windows-fallback.png"));
}

#[test]
fn where_nothing_can_draw_a_box_says_why_and_what_else_there_is() {
    if missing() {
        return;
    }
    // Neither OpenGL nor a driver for Vulkan.
    let screen = Screen::start(&["-extension", "GLX"]);
    let mut program = screen.program(&[("VK_DRIVER_FILES", "/nowhere"), ("VK_ICD_FILENAMES", "/nowhere")]);
    let window = screen.window(&mut program);
    std::thread::sleep(Duration::from_secs(1));
    screen.shot(&window, &pictures().join("windows-no-renderer.png"));
    until("the box closes by Enter, and the program ends", || {
        screen.run("xdotool", &["windowfocus", &window, "key", "Return"]);
        program.has_ended()
    });
    assert_eq!(program.0.wait().unwrap().code(), Some(1));
}
