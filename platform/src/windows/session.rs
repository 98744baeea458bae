//! A hidden window that hears of the end of the session.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DefWindowProcW, DispatchMessageW, GetMessageW, MSG, RegisterClassW, WM_ENDSESSION,
    WM_QUERYENDSESSION, WNDCLASSW, WS_OVERLAPPED,
};
use windows_sys::core::{PCWSTR, w};

type Callback = Box<dyn FnOnce() + Send>;

const NAME: PCWSTR = w!("RepliscopeSessionEnd");

thread_local! {
    /// What this thread's window is to do. A window's procedure runs on the thread that made the window.
    static CALLBACK: Cell<Option<Callback>> = const { Cell::new(None) };
}

/// Opens the window on a thread of its own. Without it, when the system refuses one, the program ends as by a crash.
pub(crate) fn watch(callback: Callback) {
    let thread = std::thread::Builder::new().name("session-end".to_owned());
    let _ = thread.spawn(move || {
        CALLBACK.set(Some(callback));
        if open_window().is_some() {
            pump();
        }
    });
}

fn open_window() -> Option<HWND> {
    // SAFETY: null asks for the module of the program, which is never unloaded.
    let module = unsafe { GetModuleHandleW(null()) };
    let class = WNDCLASSW {
        lpfnWndProc: Some(procedure),
        hInstance: module,
        lpszClassName: NAME,
        ..Default::default()
    };
    // It fails if another call of `watch` made the class already, which is as good.
    // SAFETY: the structure outlives the call, its name ends in NUL and its procedure has the right type.
    unsafe { RegisterClassW(&raw const class) };
    // Not a message-only window: those do not hear of the session. It is never shown.
    // SAFETY: class and title are constants that end in NUL; parent, menu and parameter may be null.
    let window = unsafe {
        CreateWindowExW(0, NAME, NAME, WS_OVERLAPPED, 0, 0, 0, 0, null_mut(), null_mut(), module, null())
    };
    (!window.is_null()).then_some(window)
}

fn pump() {
    let mut message = MSG::default();
    loop {
        // SAFETY: the structure outlives the call; null stands for every window of this thread.
        let got = unsafe { GetMessageW(&raw mut message, null_mut(), 0, 0) };
        // 0 is the order to quit, -1 a failure.
        if got <= 0 {
            return;
        }
        // SAFETY: the message is one that GetMessageW has filled in.
        unsafe { DispatchMessageW(&raw const message) };
    }
}

/// Called by the system, on this thread, within GetMessageW.
extern "system" fn procedure(window: HWND, message: u32, w: WPARAM, l: LPARAM) -> LRESULT {
    match message {
        // Another program may still refuse; until WM_ENDSESSION nothing has happened.
        WM_QUERYENDSESSION => 1,
        WM_ENDSESSION => {
            if w != 0
                && let Some(callback) = CALLBACK.take()
            {
                // A panic must not unwind into the system.
                let _ = catch_unwind(AssertUnwindSafe(callback));
            }
            0
        }
        // SAFETY: the arguments are those of the system, unchanged.
        _ => unsafe { DefWindowProcW(window, message, w, l) },
    }
}
