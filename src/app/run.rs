//! The native window, with whichever renderer the system can give.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use eframe::egui::{ViewportBuilder, vec2};
use eframe::{NativeOptions, Renderer};

use super::{App, LabClient};

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

/// No window could be made.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Neither renderer works here; the first failure is told, as the second often only follows from it.
    #[error("no window could be opened: {0}")]
    NoWindow(String),
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// [`AppError::NoWindow`] if there is no display, or no renderer works.
pub fn run(options: AppOptions) -> Result<(), AppError> {
    // The closure that makes the app runs only once a renderer works, so a failed one leaves the options here.
    let options = Rc::new(RefCell::new(Some(options)));
    let renderers = if cfg!(target_os = "linux") {
        [Renderer::Glow, Renderer::Wgpu]
    } else {
        [Renderer::Wgpu, Renderer::Glow]
    };
    let mut first_error = None;
    for renderer in renderers {
        let slot = Rc::clone(&options);
        let result = eframe::run_native(
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
        );
        match result {
            Ok(()) => return Ok(()),
            // The window was up and then failed: another one would not have the lab.
            Err(error) if options.borrow().is_none() => return Err(AppError::NoWindow(error.to_string())),
            Err(error) => {
                first_error.get_or_insert_with(|| in_words(&error.to_string()));
            }
        }
    }
    Err(AppError::NoWindow(first_error.unwrap_or_default()))
}

/// The system's message, without the place in the code that it begins with.
fn in_words(error: &str) -> String {
    if error.contains("DISPLAY") {
        return "there is no display (neither WAYLAND_DISPLAY nor DISPLAY is set)".to_owned();
    }
    error.to_owned()
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
    NativeOptions { renderer, viewport, ..NativeOptions::default() }
}
