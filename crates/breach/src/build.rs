use std::fs::{File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use thiserror::Error;

use crate::file::digest;
use crate::layout::{self, HEADER_BYTES, Shape};
use crate::line::Hash;

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// How many hashes are in it.
    pub entries: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Why nothing was built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The list cannot be read.
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    /// The file cannot be written.
    #[error("the file that is made of it cannot be written: {0}")]
    Write(#[from] io::Error),
    /// A line is no hash.
    #[error("line {0} is not a SHA-1 in hexadecimal, alone or with a colon and a number behind it")]
    Malformed(u64),
    /// A hash is below the one before it.
    #[error("line {0} is not in order: a list that is sorted by its hashes is expected")]
    Unsorted(u64),
    /// The list has no line.
    #[error("it has no hash in it")]
    Empty,
    /// What was read the second time was not what was read the first time.
    #[error("it changed while it was read")]
    Changed,
}

/// No line is longer: a hash, a colon, a number, and what may end a line.
const MOST_LINE_BYTES: u64 = 128;

const BUFFER_BYTES: usize = 1 << 20;

/// Makes a [`BreachFile`](crate::BreachFile) at `output` from a sorted list of SHA-1 hashes, one a line. Hashes that are
/// there twice count once. It takes little memory, however long the list is, and reads it twice: where an entry belongs
/// depends on how many there are. `progress` is told how much of how much is done.
///
/// # Errors
/// [`BuildError`]; what was at `output` is as it was then, and nothing half-made is left.
pub fn build(list: &Path, output: &Path, progress: &dyn Fn(u64, u64)) -> Result<Built, BuildError> {
    let mut list = File::open(list).map_err(BuildError::Read)?;
    let bytes = list.metadata().map_err(BuildError::Read)?.len();
    let progress = |before: u64, done: u64| progress(before + done, 2 * bytes);

    let mut entries = 0;
    each(&list, &|done| progress(0, done), |_| {
        entries += 1;
        Ok(())
    })?;
    if entries == 0 {
        return Err(BuildError::Empty);
    }
    let shape = Shape::of(entries);

    let folder = output.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Its content is no secret, and whoever serves need not be who built it.
    let file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    list.seek(SeekFrom::Start(0)).map_err(BuildError::Read)?;
    write(&list, file.as_file(), shape, &|done| progress(bytes, done))?;
    let digest = digest(file.as_file(), shape)?;
    let header = [layout::head(shape).as_slice(), &digest].concat();
    file.as_file().write_all_at(&header, 0)?;
    file.as_file().sync_all()?;
    file.persist(output).map_err(|e| e.error)?;
    // So that a crash does not bring back the old one.
    File::open(folder)?.sync_all()?;
    Ok(Built {
        entries,
        bytes: output.metadata()?.len(),
    })
}

/// Writes all but the header.
fn write(list: &File, file: &File, shape: Shape, progress: &dyn Fn(u64)) -> Result<(), BuildError> {
    let mut offsets = BufWriter::with_capacity(BUFFER_BYTES, At(file, HEADER_BYTES));
    let mut entries = BufWriter::with_capacity(BUFFER_BYTES, At(file, shape.entries_at()));
    // How many entries there are so far, and how many buckets have their offset.
    let (mut count, mut begun) = (0_u64, 0);
    each(list, progress, |hash| {
        let (bucket, entry) = shape.place(&hash);
        while begun <= bucket {
            offsets.write_all(&count.to_le_bytes())?;
            begun += 1;
        }
        count += 1;
        entries.write_all(&entry)
    })?;
    if count != shape.entries {
        return Err(BuildError::Changed);
    }
    while begun <= shape.buckets() {
        offsets.write_all(&count.to_le_bytes())?;
        begun += 1;
    }
    offsets.flush()?;
    entries.flush()?;
    Ok(())
}

/// Writes from a place in a file on.
struct At<'f>(&'f File, u64);

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write_at(bytes, self.1)?;
        self.1 += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells `take` of each hash in the list, those that follow their equal left out, and `progress` of how many bytes are
/// read, now and then.
fn each(
    list: &File,
    progress: &dyn Fn(u64),
    mut take: impl FnMut(Hash) -> io::Result<()>,
) -> Result<(), BuildError> {
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, list);
    let (mut number, mut done, mut before) = (0_u64, 0_u64, None);
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes = lines
            .by_ref()
            .take(MOST_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(BuildError::Read)?;
        if bytes == 0 {
            progress(done);
            return Ok(());
        }
        number += 1;
        done += bytes as u64;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let hash = Hash::parse(text).ok_or(BuildError::Malformed(number))?;
        if before.is_some_and(|before| hash < before) {
            return Err(BuildError::Unsorted(number));
        }
        if before != Some(hash) {
            take(hash)?;
        }
        before = Some(hash);
        if number.is_multiple_of(1 << 16) {
            progress(done);
        }
    }
}
