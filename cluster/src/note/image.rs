//! What a node notes of its metadata image.

use crate::ids::Offset;
use crate::image::Fingerprint;

/// What became of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageNote {
    /// Whoever asks this node for metadata is told this image from now on.
    Published {
        /// The last record that it contains.
        offset: Offset,
        /// All that it says, as a number.
        fingerprint: Fingerprint,
    },
}
