use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha1::{Digest as _, Sha1};
use thiserror::Error;
use vestibule_domain::ports::KnownPasswords;
use vestibule_domain::{Outage, Password};

use crate::layout::{self, DIGEST_AT, ENTRY_BYTES, HEADER_BYTES, OFFSET_BYTES, Shape};
use crate::line::Hash;

/// The operator's own list of known passwords, made by [`build`](crate::build()). A password that is in it is always found;
/// one that is not is taken for one that is by a chance of less than 1 in 100 000.
///
/// It is read by position, two short reads a look-up, which the system serves from its page cache. A memory map would be
/// no smaller, but it needs `unsafe`, and kills the process when somebody cuts the file; a read says that it failed.
#[derive(Debug)]
pub struct BreachFile {
    file: File,
    shape: Shape,
}

/// Why there is no breach file to ask.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what was built.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// What is wrong with a file.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Damaged {
    /// It was never a breach file, or is of another version.
    #[error("it was not made by this version's `vestibule breach build`")]
    Foreign,
    /// It is too short or too long.
    #[error("it has {has} bytes where {right} are right")]
    Length {
        /// What it has.
        has: u64,
        /// What its header says.
        right: u64,
    },
    /// It has the right length, but not the content that was built.
    #[error("its content has changed since it was built")]
    Content,
}

/// How much is read at once when all is.
const CHUNK_BYTES: usize = 1 << 20;

impl BreachFile {
    /// Opens a file and reads it to the end, to see that it is the one that was built.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = File::open(path)?;
        let (shape, expected) = header(&file)?;
        let right = shape.bytes().ok_or(Damaged::Content)?;
        let has = file.metadata()?.len();
        if has != right {
            return Err(Damaged::Length { has, right }.into());
        }
        if digest(&file, shape)? != expected {
            return Err(Damaged::Content.into());
        }
        Ok(Self { file, shape })
    }

    /// How many hashes are in it.
    pub fn entries(&self) -> u64 {
        self.shape.entries
    }

    /// Whether a hash is in it.
    ///
    /// # Errors
    /// When it cannot be read, or was cut or overwritten since it was opened.
    pub fn has(&self, hash: &Hash) -> io::Result<bool> {
        let (bucket, entry) = self.shape.place(hash);
        let mut offsets = [[0; 8]; 2];
        let at = HEADER_BYTES + OFFSET_BYTES * bucket;
        self.file.read_exact_at(offsets.as_flattened_mut(), at)?;
        let [start, end] = offsets.map(u64::from_le_bytes);
        let changed = || io::Error::other(Damaged::Content);
        if start > end || end > self.shape.entries {
            return Err(changed());
        }
        let bytes = usize::try_from((end - start) * ENTRY_BYTES).map_err(|_| changed())?;
        let mut entries = vec![0; bytes];
        let at = self.shape.entries_at() + start * ENTRY_BYTES;
        self.file.read_exact_at(&mut entries, at)?;
        Ok(entries.as_chunks::<3>().0.binary_search(&entry).is_ok())
    }
}

impl KnownPasswords for BreachFile {
    fn contains(&self, password: &Password) -> Result<bool, Outage> {
        let hash = Hash(Sha1::digest(password.expose().as_bytes()).into());
        self.has(&hash)
            .map_err(Outage::during("reading the breach file"))
    }
}

/// What the header says, and the digest in it.
fn header(file: &File) -> Result<(Shape, [u8; 32]), OpenError> {
    let (mut head, mut digest) = ([0; 24], [0; 32]);
    file.read_exact_at(&mut head, 0)
        .and_then(|()| file.read_exact_at(&mut digest, DIGEST_AT))
        .map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => OpenError::Damaged(Damaged::Foreign),
            _ => e.into(),
        })?;
    let (kind, rest) = head.split_at(12);
    let entries = std::array::from_fn(|n| rest[4 + n]);
    let shape = Shape::of(u64::from_le_bytes(entries));
    let right = layout::head(shape);
    if !right.starts_with(kind) {
        return Err(Damaged::Foreign.into());
    }
    if head != right {
        return Err(Damaged::Content.into());
    }
    Ok((shape, digest))
}

/// The digest that a file of this shape should have in its header.
pub(crate) fn digest(mut file: &File, shape: Shape) -> io::Result<[u8; 32]> {
    file.seek(SeekFrom::Start(HEADER_BYTES))?;
    let mut digest = layout::digest(shape);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(digest.finalize().into()),
            Ok(bytes) => digest.update(&chunk[..bytes]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
