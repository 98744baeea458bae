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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::{TryRecvError, channel};
    use std::time::{Duration, Instant};

    use windows_sys::Win32::UI::WindowsAndMessaging::{FindWindowW, IsWindowVisible, SendMessageW};

    use super::*;

    #[test]
    fn the_end_of_the_session_waits_for_the_callback() {
        let (tell, told) = channel();
        watch(Box::new(move || {
            std::thread::sleep(Duration::from_millis(200));
            tell.send(()).unwrap();
        }));
        let begun = Instant::now();
        let window = loop {
            // Finds top-level windows only: those that hear of the session.
            // SAFETY: both arguments may be null, and the name is a constant that ends in NUL.
            let window = unsafe { FindWindowW(NAME, null()) };
            if !window.is_null() {
                break window;
            }
            if crate::windows::is_wine() && told.try_recv() == Err(TryRecvError::Disconnected) {
                return; // without a display it has no windows
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "no window");
            std::thread::sleep(Duration::from_millis(10));
        };
        // SAFETY: the window is that of this program, and lives as long as its thread.
        assert_eq!(unsafe { IsWindowVisible(window) }, 0);
        // SAFETY: as above; the messages carry no pointers.
        let send = |message, sure| unsafe { SendMessageW(window, message, sure, 0) };
        assert_eq!(send(WM_QUERYENDSESSION, 0), 1, "it refuses");
        assert_eq!(send(WM_ENDSESSION, 0), 0);
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "somebody else refused, so nothing ends");
        assert_eq!(send(WM_ENDSESSION, 1), 0);
        assert_eq!(told.try_recv(), Ok(()), "the answer came before the callback was done");
        assert_eq!(send(WM_ENDSESSION, 1), 0, "a second time there is nothing to do");
    }
}
