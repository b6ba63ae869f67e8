use rustix::process::{Resource, Rlimit, setrlimit};

/// Sees to it that no core dump of this process is written, and that other processes of this user cannot look into it: its
/// memory has passwords and keys in it.
///
/// # Errors
/// When the system does not let it.
pub fn forbid_core_dumps() -> std::io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    // The limit does not hold for a dump that goes to a program, as systemd's does.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
