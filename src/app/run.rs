//! The native window, with whichever renderer the system can give.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use eframe::egui::{ViewportBuilder, vec2};
use eframe::egui_wgpu::WgpuSetup;
use eframe::wgpu::Backends;
use eframe::{NativeOptions, Renderer};

use super::{App, LabClient};
use crate::node::panic_text;

/// Makes the window look again soon; may be called from any thread, any number of times.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// Bursts of entries within this time make one frame.
const COALESCE: Duration = Duration::from_millis(8);

/// What the window starts with.
pub struct AppOptions {
    /// Starts the lab, once the window exists; called once.
    pub connect: Box<dyn FnOnce(Wake) -> LabClient>,
    /// A recording to open at once.
    pub recording: Option<PathBuf>,
}

/// Why there is no window, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no display, or neither renderer works here.
    #[error("no window could be opened: {0}")]
    NoWindow(String),
    /// The window was up, and the system took away what it draws with.
    #[error("the window had to close: {0}")]
    Lost(String),
    /// A fault of ours.
    #[error("the window crashed, and its cluster ended with it: {0}")]
    Crashed(String),
}

impl AppError {
    /// Whether the app never began: then nothing was started, and nothing is lost.
    pub fn is_before_start(&self) -> bool {
        matches!(self, Self::NoWindow(_))
    }

    /// Says it in a box of the system's own, and waits until it is closed: a program that Windows starts without a
    /// console can say it nowhere else.
    pub fn show_box(&self) {
        let text = match self {
            Self::NoWindow(causes) => format!(
                "Repliscope cannot open its window.\n\n{}\n\nThe same cluster runs without a window. In a \
                 console:\n\n    repliscope up",
                causes.replace("; ", "\n")
            ),
            other => format!("Repliscope: {other}.\n\nWhat the nodes had saved is in their folders."),
        };
        rfd::MessageDialog::new()
            .set_level(rfd::MessageLevel::Error)
            .set_title("Repliscope")
            .set_description(text)
            .show();
    }
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// By what there is no window, or why there is none any more.
pub fn run(options: AppOptions) -> Result<(), AppError> {
    // The closure that makes the app runs only once a renderer works, so a failed one leaves the options here.
    let options = Rc::new(RefCell::new(Some(options)));
    // OpenGL is the quicker start where it is everywhere. On Windows it is missing over Remote Desktop and in bare
    // virtual machines, where Direct3D still draws, if need be without a graphics card.
    let renderers = if cfg!(target_os = "linux") {
        [Renderer::Glow, Renderer::Wgpu]
    } else {
        [Renderer::Wgpu, Renderer::Glow]
    };
    let mut failures = Vec::new();
    for renderer in renderers {
        // A driver may panic in a renderer's start as well as return an error from it.
        let result = catch_unwind(AssertUnwindSafe(|| window(renderer, &options)));
        let began = options.borrow().is_none();
        match result {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if began => return Err(AppError::Lost(error.to_string())),
            Err(panic) if began => return Err(AppError::Crashed(panic_text(&*panic))),
            Ok(Err(error)) => failures.push((renderer, in_words(&error.to_string()))),
            Err(panic) => failures.push((renderer, panic_text(&*panic))),
        }
    }
    Err(AppError::NoWindow(all_failures(&failures)))
}

fn window(renderer: Renderer, options: &Rc<RefCell<Option<AppOptions>>>) -> eframe::Result<()> {
    let slot = Rc::clone(options);
    eframe::run_native(
        "Repliscope",
        native_options(renderer),
        Box::new(move |cc| {
            let options = slot.borrow_mut().take().ok_or("the window was made before")?;
            let ctx = cc.egui_ctx.clone();
            let wake: Wake = Box::new(move || ctx.request_repaint_after(COALESCE));
            let lab = (options.connect)(wake);
            let mut app = App::new(&cc.egui_ctx, lab);
            if let Some(storage) = cc.storage {
                app.restore(storage);
            }
            if let Some(path) = options.recording {
                app.open_recording(&cc.egui_ctx, path);
            }
            Ok(Box::new(app))
        }),
    )
}

const NO_DISPLAY: &str = "there is no display (neither WAYLAND_DISPLAY nor DISPLAY is set)";

/// The system's message, without the structures of Rust that it may end with.
fn in_words(error: &str) -> String {
    if error.contains("DISPLAY") {
        return NO_DISPLAY.to_owned();
    }
    if error.contains("glutin configs") {
        return "this system has none that can draw a window".to_owned();
    }
    let words = error.split(['{', '[']).next().unwrap_or_default();
    words.trim_end_matches([':', ' ']).to_owned()
}

/// What each renderer failed by. Without a display all fail, and the later ones only because the first one did.
fn all_failures(failures: &[(Renderer, String)]) -> String {
    if failures.iter().any(|(_, text)| text == NO_DISPLAY) {
        return NO_DISPLAY.to_owned();
    }
    let name = |renderer: &Renderer| match renderer {
        Renderer::Glow => "OpenGL",
        Renderer::Wgpu if cfg!(windows) => "Direct3D and Vulkan",
        Renderer::Wgpu => "the graphics card",
    };
    let told: Vec<_> =
        failures.iter().map(|(renderer, text)| format!("{}: {text}", name(renderer))).collect();
    told.join("; ")
}

fn native_options(renderer: Renderer) -> NativeOptions {
    let mut viewport = ViewportBuilder::default()
        .with_title("Repliscope")
        .with_app_id("repliscope")
        .with_inner_size(vec2(1_280.0, 800.0))
        .with_min_inner_size(vec2(640.0, 420.0));
    if let Ok(icon) = eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon.png")) {
        viewport = viewport.with_icon(icon);
    }
    let mut options = NativeOptions { renderer, viewport, ..NativeOptions::default() };
    if let WgpuSetup::CreateNew(setup) = &mut options.wgpu_options.wgpu_setup {
        // Not OpenGL through wgpu: that keeps a hidden window on Windows which answers nothing, and so keeps the
        // session from ending. OpenGL is the other renderer's.
        setup.instance_descriptor.backends = Backends::from_env().unwrap_or(Backends::PRIMARY);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_display_only_that_is_told() {
        let first = in_words("winit EventLoopError: neither WAYLAND_DISPLAY nor DISPLAY is set");
        let failures = [(Renderer::Glow, first), (Renderer::Wgpu, "EventLoop can't be recreated".to_owned())];
        assert_eq!(all_failures(&failures), NO_DISPLAY);
    }

    #[test]
    fn what_only_a_programmer_reads_is_left_out() {
        for (error, words) in [
            (
                "WGPU error: Failed to create surface for any enabled backend: {}",
                "WGPU error: Failed to create surface for any enabled backend",
            ),
            (
                "Found no glutin configs matching the template: ConfigTemplate { api: None }. Error: x",
                "this system has none that can draw a window",
            ),
            ("the driver is gone", "the driver is gone"),
        ] {
            assert_eq!(in_words(error), words);
        }
    }

    #[test]
    fn each_renderer_tells_its_own_failure() {
        let failures =
            [(Renderer::Wgpu, "no adapter".to_owned()), (Renderer::Glow, "no pixel format".to_owned())];
        let told = all_failures(&failures);
        assert!(told.ends_with(": no adapter; OpenGL: no pixel format"), "{told}");
        assert!(AppError::NoWindow(told).is_before_start());
    }
}
