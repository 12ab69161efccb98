//! Why a step of a conversion fails.

use serde::{Deserialize, Serialize};

/// Why a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The manifest is asked for again and again, and nothing of what it lists.
    ManifestRefused,
    /// An image was taken whole more than once, and the phone is as before.
    ImageRefused,
    /// A transfer of one image does not end.
    TransferStalled,
    /// It reads its control file and does nothing of what it says.
    Unheeded,
    /// It began and fell silent.
    Silent,
    /// It took everything and did not come back.
    NotBack,
    /// It wants signed files.
    TrustList,
}

impl Failure {
    /// Kebab-case code, as in `offhook explain`.
    pub fn code(self) -> &'static str {
        match self {
            Self::ManifestRefused => "manifest-refused",
            Self::ImageRefused => "image-refused",
            Self::TransferStalled => "transfer-stalled",
            Self::Unheeded => "offer-unheeded",
            Self::Silent => "download-silent",
            Self::NotBack => "not-back",
            Self::TrustList => "trust-list",
        }
    }
}
