use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use vestibule_domain::Secret;

use crate::config::Secrets;

const FILE: &str = "secret.key";

/// The key in `folder`, and older ones that an operator left below it; made there if there is none yet. Without a folder
/// it lasts as long as this process.
///
/// Of several processes that start at once, one makes the key and all get it.
///
/// # Errors
/// When the file cannot be read or made, or others may read it.
pub(crate) fn keep(folder: Option<&Path>) -> io::Result<Secrets> {
    let Some(folder) = folder else {
        return fresh().map(|key| key.as_str().into());
    };
    let path = path(folder);
    if !path.try_exists()? {
        // Written whole under another name first: nobody ever reads half a key. Its mode is 0600.
        let mut file = tempfile::Builder::new().prefix(FILE).tempfile_in(
            path.parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new(".")),
        )?;
        writeln!(file, "{}", fresh()?)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&path) {
            Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => return Err(e.error),
            _ => {}
        }
    }
    read(&path)
}

/// Whether [`keep`] would take the key that is in `folder`, if there is one; none is made.
///
/// # Errors
/// As [`keep`].
pub(crate) fn check(folder: &Path) -> io::Result<()> {
    let path = path(folder);
    if path.try_exists()? {
        read(&path)?;
    }
    Ok(())
}

fn path(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() {
        PathBuf::from(FILE)
    } else {
        folder.join(FILE)
    }
}

/// 256 random bits, as text.
fn fresh() -> io::Result<String> {
    Secret::random()
        .map(|secret| secret.expose())
        .map_err(|e| io::Error::other(e.chain()))
}

fn read(path: &Path) -> io::Result<Secrets> {
    let refuse = |why: String| io::Error::other(format!("{} {why}", path.display()));
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path)?.permissions());
        if mode & 0o077 != 0 {
            return Err(refuse(format!(
                "may be read by others, having mode {:04o} where 0600 is right",
                mode & 0o7777
            )));
        }
    }
    let text = fs::read_to_string(path).map_err(|e| refuse(format!("cannot be read: {e}")))?;
    Secrets::parse(&text)
        .ok_or_else(|| refuse("has a key of fewer than 32 characters, or none".to_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::os::unix::fs::PermissionsExt;
    use std::thread;
    use tempfile::TempDir;

    #[test]
    fn all_who_start_at_once_get_the_one_key() {
        let folder = TempDir::new().unwrap();
        let keys: Vec<String> = thread::scope(|scope| {
            let starts: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| keep(Some(folder.path())).unwrap()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap().first.expose_secret().to_owned())
                .collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 43));
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing else stays in the folder");
    }

    #[test]
    fn the_file_is_for_its_owner_alone_and_refused_otherwise() {
        let folder = TempDir::new().unwrap();
        keep(Some(folder.path())).unwrap();
        let path = folder.path().join(FILE);
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );

        mode(0o640);
        let refusal = keep(Some(folder.path())).unwrap_err().to_string();
        assert!(refusal.contains("mode 0640"), "{refusal}");
        mode(0o400);
        keep(Some(folder.path())).unwrap();
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "short\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(keep(Some(folder.path())).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
    }

    #[test]
    fn a_new_key_may_stand_above_the_one_that_was_made() {
        let folder = TempDir::new().unwrap();
        let made = keep(Some(folder.path())).unwrap().first;
        let path = folder.path().join(FILE);
        let new = "n".repeat(32);
        fs::write(&path, format!("{new}\n{}\n", made.expose_secret())).unwrap();
        let keys = keep(Some(folder.path())).unwrap();
        assert_eq!(keys.first.expose_secret(), new);
        assert_eq!(keys.older.len(), 1);
        assert_eq!(keys.older[0].expose_secret(), made.expose_secret());

        fs::write(&path, format!("{new}\nshort\n")).unwrap();
        assert!(keep(Some(folder.path())).is_err());
    }

    #[test]
    fn without_a_folder_each_key_is_another() {
        let key = || keep(None).unwrap().first.expose_secret().to_owned();
        assert_ne!(key(), key());
    }
}
