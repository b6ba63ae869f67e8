//! Asking the instance that runs on this machine how it is: for whatever starts containers and has no other way to ask.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::{BadConfig, Config};

/// Longer than any answer takes, shorter than whoever asks would wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `/health/ready` says at the address and port of `config`: the line of its status, such as `200 OK`.
///
/// # Errors
/// [`BadConfig`] when the port is 0, which nobody can know.
pub fn ask(config: &Config) -> Result<io::Result<String>, BadConfig> {
    if config.server.port == 0 {
        return Err(config.bad("server.port", 0, "the port that the instance listens on"));
    }
    let address = match config.server.address {
        IpAddr::V4(all) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(all) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    };
    Ok(status((address, config.server.port).into()))
}

/// Whether this is the status of an instance that visitors may be sent to.
pub fn is_ready(status: &str) -> bool {
    status.starts_with("200 ")
}

fn status(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    // No more than a page, whoever it is that answers.
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let line = answer.lines().next().unwrap_or_default();
    match line.split_once(' ') {
        Some((version, status)) if version.starts_with("HTTP/") => Ok(status.to_owned()),
        _ => Err(io::Error::other("the answer is not HTTP")),
    }
}
