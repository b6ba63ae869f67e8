use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rocket::fairing::Fairing;
use rocket_dyn_templates::tera::{self, Tera, Value};
use rocket_dyn_templates::{Engines, Template};
use rust_embed::RustEmbed;
use thiserror::Error;
use vestibule_domain::Outage;

use crate::static_files::StaticFiles;

#[derive(RustEmbed)]
#[folder = "../../templates"]
struct Embedded;

/// The templates and the static files: those in the binary, or those that a folder has in their place.
#[derive(Clone)]
pub struct Pages {
    /// By the name that one template calls another, such as `base.html`.
    templates: BTreeMap<String, String>,
    static_files: Arc<StaticFiles>,
}

/// Why a folder's pages cannot be shown.
#[derive(Debug, Error)]
pub enum PagesError {
    /// The folder, or a file in it, cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, io::Error),
    /// A template is not what Tera understands.
    #[error("{0}")]
    Template(String),
}

impl Pages {
    /// The pages of the binary, and in their place, where a folder is given, its `*.html.tera` and what is in `static`
    /// below it. All templates are parsed here.
    ///
    /// # Errors
    /// [`PagesError`].
    pub fn load(folder: Option<&Path>) -> Result<Self, PagesError> {
        let mut templates = BTreeMap::new();
        // Those of mail are not for browsers.
        for name in Embedded::iter().filter(|name| !name.contains('/')) {
            if let Some(file) = Embedded::get(&name) {
                let text = String::from_utf8_lossy(&file.data).into_owned();
                templates.insert(name.trim_end_matches(".tera").to_owned(), text);
            }
        }
        if let Some(folder) = folder {
            for (name, bytes) in files(folder)? {
                let name = Path::new(&name);
                if name
                    .extension()
                    .is_some_and(|extension| extension == "tera")
                {
                    let name = name.with_extension("").display().to_string();
                    let text = String::from_utf8(bytes)
                        .map_err(|_| PagesError::Template(format!("{name}.tera is not UTF-8")))?;
                    templates.insert(name, text);
                }
            }
        }
        let pages = Self {
            templates,
            static_files: Arc::new(StaticFiles::load(folder)?),
        };
        pages.fill(&mut Tera::default()).map_err(|e| {
            PagesError::Template(Outage::during("reading the templates")(e).chain())
        })?;
        Ok(pages)
    }

    /// What the route of the static files serves; to be managed.
    pub fn static_files(&self) -> Arc<StaticFiles> {
        Arc::clone(&self.static_files)
    }

    /// To be attached. Rocket looks for a folder of templates too, and gets one file that is none: its setting
    /// `template_dir` has to name any file that exists, such as this program's own.
    pub fn fairing(self) -> impl Fairing {
        Template::try_custom(move |engines: &mut Engines| Ok(self.fill(&mut engines.tera)?))
    }

    fn fill(&self, tera: &mut Tera) -> tera::Result<()> {
        tera.add_raw_templates(self.templates.iter())?;
        let static_files = Arc::clone(&self.static_files);
        tera.register_function("static", StaticUrl(static_files));
        Ok(())
    }
}

/// `static(path="style.css")`: the file's address, which changes with its content.
struct StaticUrl(Arc<StaticFiles>);

impl tera::Function for StaticUrl {
    fn call(&self, args: &HashMap<String, Value>) -> tera::Result<Value> {
        let path = args.get("path").and_then(Value::as_str).unwrap_or_default();
        self.0
            .url(path)
            .map(Value::String)
            .ok_or_else(|| tera::Error::msg(format!("there is no static file {path:?}")))
    }

    /// Made of the names and digests of our own files: nothing to escape.
    fn is_safe(&self) -> bool {
        true
    }
}

/// The files right in a folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, PagesError> {
    let unreadable = |e| PagesError::Unreadable(folder.display().to_string(), e);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_file() {
            let bytes = fs::read(entry.path())
                .map_err(|e| PagesError::Unreadable(entry.path().display().to_string(), e))?;
            files.push((entry.file_name().to_string_lossy().into_owned(), bytes));
        }
    }
    Ok(files)
}
