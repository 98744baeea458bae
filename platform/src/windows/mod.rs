//! Calls of the Windows API: the only `unsafe` code of the project.
//!
//! Each function wraps a few calls and takes and returns safe types.

pub(crate) mod session;

use std::io;
use std::mem::size_of;
use std::os::windows::io::AsRawSocket as _;
use std::ptr::null;
use std::time::Duration;

use socket2::Socket;
use windows_sys::Win32::Foundation::{FILETIME, GENERIC_READ, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Networking::WinSock::{SO_EXCLUSIVEADDRUSE, SOCKET, SOL_SOCKET, setsockopt};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_TYPE_UNKNOWN, GetFileType, OPEN_EXISTING,
};
use windows_sys::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE,
    STD_OUTPUT_HANDLE, SetStdHandle,
};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetCurrentThread, GetThreadTimes};
use windows_sys::core::PCWSTR;

/// Size of an int, as the socket calls want it.
const INT_SIZE: i32 = (i32::BITS / 8).cast_signed();

/// Keeps every other socket off the port that this one is about to bind.
pub(crate) fn set_exclusive(socket: &Socket) -> io::Result<()> {
    let yes = 1i32;
    // SAFETY: the socket is open while it is borrowed; the value is an int that outlives the call, with its size.
    let result = unsafe {
        setsockopt(
            socket.as_raw_socket() as SOCKET,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            (&raw const yes).cast(),
            INT_SIZE,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the option is set, as the system sees it.
#[cfg(test)]
pub(crate) fn is_exclusive(socket: &Socket) -> io::Result<bool> {
    use windows_sys::Win32::Networking::WinSock::getsockopt;
    let (mut value, mut size) = (0i32, INT_SIZE);
    // SAFETY: the socket is open while it is borrowed; the value is an int that outlives the call, with its size.
    let result = unsafe {
        getsockopt(
            socket.as_raw_socket() as SOCKET,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            (&raw mut value).cast(),
            &raw mut size,
        )
    };
    if result == 0 { Ok(value != 0) } else { Err(io::Error::last_os_error()) }
}

/// Whether this is Wine, which cannot do all that Windows can.
#[cfg(test)]
pub(crate) fn is_wine() -> bool {
    std::path::Path::new(r"C:\windows\system32\winecfg.exe").exists()
}

/// Bytes of this process that are in memory.
pub(crate) fn working_set() -> Option<u64> {
    let size = size_of::<PROCESS_MEMORY_COUNTERS>() as u32;
    let mut counters = PROCESS_MEMORY_COUNTERS { cb: size, ..Default::default() };
    // SAFETY: takes no arguments; the pseudo handle that it returns needs no closing.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the handle is that of this process; the structure outlives the call and its size is the one given.
    let done = unsafe { K32GetProcessMemoryInfo(process, &raw mut counters, size) };
    (done != 0).then_some(counters.WorkingSetSize as u64)
}

/// Bytes of memory that the machine has.
pub(crate) fn physical_memory() -> Option<u64> {
    let mut status = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>() as u32, ..Default::default() };
    // SAFETY: the structure outlives the call and says its own size.
    let done = unsafe { GlobalMemoryStatusEx(&raw mut status) };
    (done != 0).then_some(status.ullTotalPhys)
}

/// Time that this thread spent in the system and in user code.
pub(crate) fn thread_times() -> Option<(Duration, Duration)> {
    let (mut created, mut exited) = (FILETIME::default(), FILETIME::default());
    let (mut system, mut user) = (FILETIME::default(), FILETIME::default());
    // SAFETY: takes no arguments; the pseudo handle that it returns needs no closing.
    let thread = unsafe { GetCurrentThread() };
    // SAFETY: the handle is that of this thread; the four structures outlive the call.
    let done =
        unsafe { GetThreadTimes(thread, &raw mut created, &raw mut exited, &raw mut system, &raw mut user) };
    // In steps of 100 ns.
    let time = |ticks: FILETIME| {
        Duration::from_nanos((u64::from(ticks.dwHighDateTime) << 32 | u64::from(ticks.dwLowDateTime)) * 100)
    };
    (done != 0).then(|| (time(system), time(user)))
}

/// The standard streams: which, and the console's own name for it.
const STREAMS: [(STD_HANDLE, PCWSTR); 3] = [
    (STD_INPUT_HANDLE, windows_sys::w!("CONIN$")),
    (STD_OUTPUT_HANDLE, windows_sys::w!("CONOUT$")),
    (STD_ERROR_HANDLE, windows_sys::w!("CONOUT$")),
];

pub(crate) fn attach_parent_console() {
    let before = STREAMS.map(|(stream, _)| open_stream(stream));
    // SAFETY: takes a number; it fails if this process has a console or its parent has none.
    let attached = unsafe { AttachConsole(ATTACH_PARENT_PROCESS) };
    if attached == 0 {
        return;
    }
    for ((stream, console), before) in STREAMS.into_iter().zip(before) {
        // A redirection stays, whatever the call made of it; what leads nowhere leads to the console.
        let Some(handle) = before.or_else(|| open_stream(stream)).or_else(|| open_console(console)) else {
            continue;
        };
        // SAFETY: the handle is open, and stays so: nobody closes a standard stream.
        unsafe { SetStdHandle(stream, handle) };
    }
}

/// The handle of a standard stream, if it leads anywhere.
fn open_stream(stream: STD_HANDLE) -> Option<HANDLE> {
    // SAFETY: takes a number; what it returns is checked below.
    let handle = unsafe { GetStdHandle(stream) };
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return None;
    }
    // SAFETY: a handle that is not open any more makes the call fail, and does no harm.
    let kind = unsafe { GetFileType(handle) };
    (kind != FILE_TYPE_UNKNOWN).then_some(handle)
}

fn open_console(name: PCWSTR) -> Option<HANDLE> {
    let (access, share) = (GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE);
    // SAFETY: the name is a constant that ends in NUL; the pointers may be null.
    let handle = unsafe { CreateFileW(name, access, share, null(), OPEN_EXISTING, 0, std::ptr::null_mut()) };
    (handle != INVALID_HANDLE_VALUE).then_some(handle)
}
