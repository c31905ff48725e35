//! What takes anything: a function for each thing that comes from a file, a client or a guest.
//!
//! A [`Target`] takes bytes as they are. It does not panic, and it comes back: if not, there is a mistake
//! in what it calls. The tests here give it damaged samples. The crate in `fuzz/` has libFuzzer look for
//! bytes that reach more code.

mod client;
mod file;
mod guest;
#[cfg(test)]
mod tests;

/// Something that takes bytes from outside.
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Gives it bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 11] = [
    Target {
        name: "image",
        run: file::image,
    },
    Target {
        name: "machines",
        run: file::machines,
    },
    Target {
        name: "script",
        run: file::script,
    },
    Target {
        name: "snapshot",
        run: file::snapshot,
    },
    Target {
        name: "record",
        run: file::record,
    },
    Target {
        name: "translations",
        run: file::translations,
    },
    Target {
        name: "request",
        run: client::request,
    },
    Target {
        name: "incoming",
        run: client::incoming,
    },
    Target {
        name: "debugger",
        run: client::debugger,
    },
    Target {
        name: "program",
        run: guest::program,
    },
    Target {
        name: "messages",
        run: guest::messages,
    },
];
