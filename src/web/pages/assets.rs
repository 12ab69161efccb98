//! Style sheet, script and icon: compiled in, asked for again only when they changed.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::firmware::set::hex;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    tag: OnceLock<String>,
}

const fn asset_of(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    Asset { name, kind, bytes, tag: OnceLock::new() }
}

static ASSETS: [Asset; 3] = [
    asset_of("style.css", "text/css; charset=utf-8", include_bytes!("../../../templates/web/assets/style.css")),
    asset_of("script.js", "text/javascript; charset=utf-8", include_bytes!("../../../templates/web/assets/script.js")),
    asset_of("icon.svg", "image/svg+xml", include_bytes!("../../../templates/web/assets/icon.svg")),
];

impl Asset {
    fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            let digest = hex(&Sha256::digest(self.bytes));
            format!("\"{}\"", digest.get(..16).unwrap_or_default())
        })
    }
}

pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "no such asset\n").into_response();
    };
    let said = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, asset.tag()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|tags| tags.to_str().is_ok_and(|tags| tags.split(',').any(|tag| tag.trim() == asset.tag())));
    if known { (StatusCode::NOT_MODIFIED, said).into_response() } else { (said, asset.bytes).into_response() }
}
