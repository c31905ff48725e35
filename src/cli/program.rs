//! The guest program that a command works on.

use mirrorball_runtime::addr::Va;

use crate::image::Image;

/// Where the image has code and data, for a message.
pub(super) fn extent(image: &Image) -> String {
    let parts: Vec<_> = image
        .segments
        .iter()
        .map(|segment| {
            format!(
                "{}-{}",
                segment.va,
                Va(segment.va.0 + segment.bytes.len() as u64)
            )
        })
        .collect();
    parts.join(", ")
}
