use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rust_embed::RustEmbed;
use tera::{Context, Tera};
use thiserror::Error;
use vestibule_domain::{LetterKind, Outage};

#[derive(RustEmbed)]
#[folder = "../../templates/mail"]
struct Embedded;

/// What letters say: those in the binary, or those that a folder has in their place.
pub(crate) struct Templates(Tera);

/// Why letters cannot be written.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The folder, or a file in it, cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, std::io::Error),
    /// A template is not what Tera understands.
    #[error("{0}")]
    Template(String),
}

/// A letter in words.
pub(crate) struct Written {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// What the first line of each text begins with.
const SUBJECT: &str = "Subject: ";

impl Templates {
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let mut templates = BTreeMap::new();
        for name in Embedded::iter() {
            if let Some(file) = Embedded::get(&name) {
                let text = String::from_utf8_lossy(&file.data).into_owned();
                templates.insert(name.trim_end_matches(".tera").to_owned(), text);
            }
        }
        if let Some(folder) = folder.map(|folder| folder.join("mail"))
            && folder.is_dir()
        {
            templates.extend(read(&folder)?);
        }
        let mut tera = Tera::default();
        tera.add_raw_templates(templates.iter()).map_err(|e| {
            TemplateError::Template(Outage::during("reading the templates of mail")(e).chain())
        })?;
        for kind in LetterKind::ALL
            .map(LetterKind::as_str)
            .into_iter()
            .chain(["test"])
        {
            let text = templates.get(&format!("{kind}.txt"));
            if !text.is_some_and(|text| text.starts_with(SUBJECT)) {
                return Err(TemplateError::Template(format!(
                    "mail/{kind}.txt.tera does not begin with a line \"{SUBJECT}\" and the subject"
                )));
            }
        }
        Ok(Self(tera))
    }

    /// # Errors
    /// [`Outage`] when a template asks for what there is not.
    pub(crate) fn write(&self, name: &str, context: &Context) -> Result<Written, Outage> {
        const DURING: &str = "writing a mail";
        let render = |name: String| {
            let rendered = self.0.render(&name, context);
            rendered.map_err(Outage::during(DURING))
        };
        let text = render(format!("{name}.txt"))?;
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Written {
            subject: subject.trim_start_matches(SUBJECT).trim().to_owned(),
            text: text.trim_start().to_owned(),
            html: render(format!("{name}.html"))?,
        })
    }
}

/// The `*.tera` right in a folder.
fn read(folder: &Path) -> Result<BTreeMap<String, String>, TemplateError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |e| TemplateError::Unreadable(path, e)
    };
    let mut templates = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "tera")
        {
            let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            templates.insert(name.into_owned(), text);
        }
    }
    Ok(templates)
}
