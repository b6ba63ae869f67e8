//! As much of Redis's protocol as a test needs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Asks the server on `port`; values of an answer with many are in lines of their own.
///
/// # Errors
/// When it does not answer, or answers with an error.
pub(super) fn ask(port: u16, password: Option<&str>, command: &[&str]) -> io::Result<String> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    if let Some(password) = password {
        send(stream.get_ref(), &["AUTH", password])?;
        read(&mut stream)?;
    }
    send(stream.get_ref(), command)?;
    read(&mut stream)
}

fn send(mut stream: &TcpStream, command: &[&str]) -> io::Result<()> {
    let words = command.iter();
    let words = words.map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let text = format!("*{}\r\n{}", command.len(), words.collect::<String>());
    stream.write_all(text.as_bytes())
}

fn read(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line
        .split_at_checked(1)
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let count = || rest.parse::<usize>().unwrap_or(0);
    match kind {
        "-" => Err(io::Error::other(rest)),
        "$" => {
            // It ends with a line's end, and is missing where its length is -1.
            let mut bytes = vec![0; if rest == "-1" { 0 } else { count() + 2 }];
            stream.read_exact(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
        }
        "*" => {
            let values: io::Result<Vec<_>> = (0..count()).map(|_| read(stream)).collect();
            Ok(values?.join("\n"))
        }
        _ => Ok(rest.to_owned()),
    }
}
