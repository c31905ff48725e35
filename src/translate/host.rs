//! Which host code is made for: this one, or another one whose code is only to be looked at.

use super::TranslateError;
use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use std::str::FromStr;
use target_lexicon::{Architecture, Triple};

/// A host that code is made for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// This one, with all that its CPU can do.
    This,
    /// One with the least that CPUs of its architecture can do.
    Other(Triple),
}

/// The architectures that there is code for.
pub const ARCHITECTURES: [&str; 3] = ["x86_64", "aarch64", "riscv64"];

/// Why there is no code for a host.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HostError {
    /// This host has no back end.
    #[error("translation is not possible on {host}: {reason}; use --engine interp")]
    NoBackEnd {
        /// This host.
        host: Triple,
        /// What is missing.
        reason: String,
    },
    /// The name is that of no host which code is made for.
    #[error(
        "{0} is no host that code is made for; there are {known}, or a triple such as aarch64-unknown-linux-gnu",
        known = ARCHITECTURES.join(", ")
    )]
    Unknown(String),
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(name: &str) -> Result<Self, HostError> {
        let triple = Triple::from_str(name).ok();
        let known = triple.filter(|triple| isa::lookup(triple.clone()).is_ok());
        let unknown = || HostError::Unknown(name.to_owned());
        known.map(Self::Other).ok_or_else(unknown)
    }
}

impl Host {
    /// Its architecture, vendor and system.
    #[must_use]
    pub fn triple(&self) -> Triple {
        match self {
            Self::This => Triple::host(),
            Self::Other(triple) => triple.clone(),
        }
    }

    /// Cranelift's back end for it, with so much optimization.
    pub(super) fn isa(&self, optimized: &str) -> Result<OwnedTargetIsa, TranslateError> {
        let missing = |reason: &dyn std::fmt::Display| HostError::NoBackEnd {
            host: self.triple(),
            reason: reason.to_string(),
        };
        let settings = [
            ("opt_level", optimized),
            // Tail calls need them.
            ("preserve_frame_pointers", "true"),
            // See `Translator::choose_convention`.
            ("enable_verifier", "false"),
            ("unwind_info", "false"),
            ("enable_probestack", "false"),
            ("enable_heap_access_spectre_mitigation", "false"),
            ("enable_table_access_spectre_mitigation", "false"),
        ];
        let mut flags = settings::builder();
        for (name, value) in settings {
            flags.set(name, value).map_err(|e| missing(&e))?;
        }
        let builder = match self {
            Self::This => cranelift_native::builder().map_err(|e| missing(&e))?,
            Self::Other(triple) => isa::lookup(triple.clone()).map_err(|e| missing(&e))?,
        };
        let isa = builder.finish(settings::Flags::new(flags));
        Ok(isa.map_err(|e| missing(&e))?)
    }

    /// The convention that is the same as that of tail calls, but saves no register, if the back end
    /// has tail calls in it.
    pub(super) fn saving_none(&self) -> CallConv {
        match self.triple().architecture {
            Architecture::X86_64 => CallConv::Winch,
            _ => CallConv::Tail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known_by_architecture_and_by_triple() {
        for name in ARCHITECTURES {
            let host: Host = name.parse().unwrap();
            assert!(host.isa("none").is_ok(), "{name}");
        }
        let host: Host = "riscv64gc-unknown-linux-gnu".parse().unwrap();
        assert_eq!(host.triple().to_string(), "riscv64gc-unknown-linux-gnu");
    }

    #[test]
    fn hosts_without_a_back_end_are_refused_with_those_that_have_one() {
        for name in ["z80", "armv7-unknown-linux-gnueabihf", "x86-64", ""] {
            let error = name.parse::<Host>().unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
            assert!(error.contains("x86_64, aarch64, riscv64"), "{error}");
        }
    }
}
