//! A file as it was made, with what it was made of: what goes out, and what of it people may see.

use std::fmt;

use bytes::Bytes;

use crate::domain::MacAddr;
use crate::fleet::Desired;
use crate::render::{self, FileKind, RenderError, Site};

/// A file of ours.
pub struct Rendering {
    bytes: Bytes,
    recipe: Option<Recipe>,
}

/// What a file was made of: as people see it, it is made when they look, not for each phone that asks.
struct Recipe {
    kind: FileKind,
    desired: Option<Desired>,
    site: Site,
}

impl Rendering {
    /// Octets that say nothing of any phone.
    pub(super) fn plain(bytes: Bytes) -> Self {
        Self { bytes, recipe: None }
    }

    /// Made for this phone, or for none.
    pub(super) fn make(kind: FileKind, desired: Option<Desired>, site: Site) -> Result<Self, RenderError> {
        let bytes = render::render(kind, desired.as_ref().map(|d| (&d.phone, d.model.as_ref())), &site)?;
        // It lives as long as its transfer, in a storm with thousands of others.
        let desired = desired.map(|desired| Desired { warnings: Vec::new(), ..desired });
        Ok(Self { bytes, recipe: Some(Recipe { kind, desired, site }) })
    }

    /// What goes out, its secrets in it.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What people see: asterisks for each secret, and for what is a digest over one.
    ///
    /// # Errors
    /// The format cannot carry the asterisks.
    pub fn masked(&self) -> Result<Bytes, RenderError> {
        match &self.recipe {
            Some(Recipe { kind, desired, site }) => {
                render::masked(*kind, desired.as_ref().map(|d| (&d.phone, d.model.as_ref())), site)
            }
            None => Ok(self.bytes.clone()),
        }
    }

    /// The phone that it was made for.
    pub fn phone(&self) -> Option<MacAddr> {
        Some(self.recipe.as_ref()?.desired.as_ref()?.phone.mac)
    }

    /// The name that its phone asks for it by, where what it says stays true: `syncinfo.xml` is a word for one moment.
    pub fn name(&self) -> Option<String> {
        let recipe = self.recipe.as_ref()?;
        let mac = self.phone()?;
        match recipe.kind {
            FileKind::SyncInfo { .. } => None,
            kind => Some(kind.name(mac)),
        }
    }
}

/// Two that send the same octets are the same.
impl PartialEq for Rendering {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Rendering {}

/// Without its octets: there may be secrets in them.
impl fmt::Debug for Rendering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.recipe.as_ref().map(|recipe| recipe.kind);
        f.debug_struct("Rendering").field("kind", &kind).field("octets", &self.bytes.len()).finish_non_exhaustive()
    }
}
