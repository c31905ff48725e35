//! Why a guest cannot be fetched.

use std::io;

use thiserror::Error;

use super::HOME;
use super::debian::PACKAGE;
use crate::cli::Exit;

/// Why a guest cannot be fetched.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum FetchError {
    #[error("there is no {HOME} here; go to the project's root, or say --to DIR")]
    NoHome,
    #[error(
        "there is no apt-get here; download package {PACKAGE} from https://packages.debian.org \
         and give it as --deb FILE"
    )]
    NoApt,
    #[error("there is no apt-get here; --programs needs it: install Debian's package apt")]
    NoAptForPrograms,
    #[error(
        "apt does not know package {PACKAGE}; run 'apt-get update' as root on Debian 12, or \
         download the package from https://packages.debian.org and give it as --deb FILE"
    )]
    NoLists,
    #[error(
        "apt-get cannot download {PACKAGE}: {0}; check the network, run 'apt-get update' as root \
         if the lists are old, or give the package as --deb FILE"
    )]
    Download(String),
    #[error(
        "{0}: is not there; install Debian's package debian-archive-keyring, whose keys the \
         archive is checked with"
    )]
    NoKeyring(&'static str),
    #[error(
        "{mirror}: apt-get cannot fetch the package lists for mipsel: {why}; check the network, \
         or name another archive of Debian 12 with --mirror URL"
    )]
    Lists { mirror: String, why: String },
    #[error(
        "{mirror}: apt-get cannot download package {package} for mipsel: {why}; try again, or \
         name another archive of Debian 12 with --mirror URL"
    )]
    Package {
        mirror: String,
        package: String,
        why: String,
    },
    #[error("{0:?} is no address of an archive; write --mirror http://deb.debian.org/debian")]
    Mirror(String),
    #[error("there is no dpkg-deb here; install Debian's package dpkg")]
    NoDpkg,
    #[error("{package}: dpkg-deb cannot unpack it: {why}; download it again")]
    Unpack { package: String, why: String },
    #[error("{package}: holds no {what}; it has to be {PACKAGE}")]
    Missing { package: String, what: String },
    #[error("{package}: its {what} is damaged: {why}; download it again")]
    Damaged {
        package: String,
        what: &'static str,
        why: String,
    },
    #[error(transparent)]
    Disk(#[from] crate::disk::OpenError),
    #[error(
        "the guest that installs packages on the disk failed at {what}; {log} has all that it said"
    )]
    Install { what: String, log: String },
    #[error("{path}: {source}; check the folder's permissions and the disk's free space")]
    Io { path: String, source: io::Error },
}

impl FetchError {
    /// The exit code for this failure.
    pub(in crate::cli) fn exit(&self) -> Exit {
        match self {
            Self::NoHome
            | Self::Mirror(_)
            | Self::Unpack { .. }
            | Self::Missing { .. }
            | Self::Damaged { .. } => Exit::Usage,
            _ => Exit::Host,
        }
    }
}
