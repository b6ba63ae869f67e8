use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rocket::http::{ContentType, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket::{State, get};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::templates::{PagesError, files};

#[derive(RustEmbed)]
#[folder = "../../static"]
struct Embedded;

/// The stylesheet, the scripts, the icon: read once, and nothing else can be asked for.
pub struct StaticFiles(BTreeMap<String, StaticFile>);

#[derive(Clone)]
struct StaticFile {
    bytes: Arc<[u8]>,
    kind: ContentType,
    /// The start of its SHA-256, in hex.
    version: String,
}

impl StaticFiles {
    /// What may be served. Anything else in the folder stays there.
    const KINDS: [&str; 8] = ["css", "ico", "jpg", "js", "png", "svg", "webp", "woff2"];

    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, PagesError> {
        let mut found = BTreeMap::new();
        for name in Embedded::iter() {
            if let Some(file) = Embedded::get(&name) {
                found.insert(name.into_owned(), file.data.into_owned());
            }
        }
        let own = folder.map(|folder| folder.join("static"));
        if let Some(own) = own.filter(|own| own.is_dir()) {
            found.extend(files(&own)?);
        }
        let files = found.into_iter().filter_map(|(name, bytes)| {
            let extension = Path::new(&name).extension()?.to_str()?;
            let kind = Self::KINDS.contains(&extension).then_some(extension)?;
            let file = StaticFile {
                kind: ContentType::from_extension(kind)?,
                version: version(&bytes),
                bytes: bytes.into(),
            };
            Some((name, file))
        });
        Ok(Self(files.collect()))
    }

    pub(crate) fn url(&self, name: &str) -> Option<String> {
        let file = self.0.get(name)?;
        Some(format!("/static/{name}?v={}", file.version))
    }
}

fn version(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(8)
        .fold(String::new(), |mut hex, byte| {
            // Writing to a String does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[get("/static/<name>?<v>")]
pub(crate) fn get(
    name: &str,
    v: Option<&str>,
    static_files: &State<Arc<StaticFiles>>,
) -> Option<Found> {
    let file = static_files.0.get(name)?.clone();
    let lasting = v == Some(file.version.as_str());
    Some(Found { file, lasting })
}

/// A file, or word that the browser has it already.
pub(crate) struct Found {
    file: StaticFile,
    /// Whether this address will never have another content.
    lasting: bool,
}

impl<'r> Responder<'r, 'static> for Found {
    fn respond_to(self, req: &'r Request<'_>) -> response::Result<'static> {
        let tag = format!("\"{}\"", self.file.version);
        let mut answer = Response::build();
        let known = req
            .headers()
            .get("If-None-Match")
            .flat_map(|list| list.split(','));
        // A proxy that compresses makes a weak tag of ours, which is as good here.
        if known
            .map(str::trim)
            .any(|known| known.trim_start_matches("W/") == tag)
        {
            answer.status(Status::NotModified);
        } else {
            let bytes = self.file.bytes;
            answer
                .header(self.file.kind)
                .sized_body(bytes.len(), std::io::Cursor::new(bytes));
        }
        let cache = if self.lasting {
            "public, max-age=31536000, immutable"
        } else {
            "public, no-cache"
        };
        answer
            .raw_header("ETag", tag)
            .raw_header("Cache-Control", cache)
            .ok()
    }
}
