//! What the host refused when a guest needed a page. It is neither a page nor "no RAM": the machine
//! ends, and nothing of it reaches the guest.

/// Why a page of RAM cannot be accessed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostFailure {
    /// The swap file does not give a page back.
    #[error("a page cannot be read back from the swap file: {0}")]
    Swap(String),
    /// The store that the machine was loaded from does not give a page.
    #[error("a page cannot be read from the snapshot: {0}")]
    Store(String),
    /// The host does not map what the software TLB is made of.
    #[error("the host refused a mapping for the software TLB: {0}; run fewer machines")]
    Mapping(String),
    /// The host does not write the code that was made of the guest's.
    #[error("{0}")]
    Code(String),
    /// There is no frame, not even of those in reserve.
    #[error("machine memory has no frame left for a page")]
    Frames,
}
