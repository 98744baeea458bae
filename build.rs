//! Gives the Windows program its icon, version information and manifest; nothing for other systems.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=assets/icon.ico");
    println!("cargo::rerun-if-changed=assets/windows.manifest");
    // Of the system that is built for; `cfg!` here would be of the one that builds.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "windows") {
        winresource::WindowsResource::new()
            .set_icon("assets/icon.ico")
            .set_manifest_file("assets/windows.manifest")
            .set("ProductName", "Repliscope")
            .set("FileDescription", "Repliscope, a scope for Redis replication")
            .set("LegalCopyright", "MIT OR Apache-2.0")
            .compile()
            .expect("windres of mingw-w64, or rc.exe of the Windows SDK");
    }
}
