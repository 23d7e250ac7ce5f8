//! The least HTTP that asks a server on this machine a question. HTTP/1.0, so that the end of the answer is the end of
//! the connection.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// A server that says nothing for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// A port of 127.0.0.1 that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The status and the body of the answer to `GET path`.
pub fn get(port: u16, path: &str) -> Result<(u16, String)> {
    ask(port, "GET", path, b"")
}

/// The same of the answer to `POST path`.
pub fn post(port: u16, path: &str, body: impl AsRef<[u8]>) -> Result<(u16, String)> {
    ask(port, "POST", path, body.as_ref())
}

fn ask(port: u16, method: &str, path: &str, body: &[u8]) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\n\r\n");
    // At once, as every client does. Where so many connect that Linux answers with SYN cookies, it may lose the first
    // three bytes of what comes in pieces, and what is left of the request is none.
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other("the answer was cut"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| std::io::Error::other("the answer has no status"))?, body.to_owned()))
}

/// `text` as it may stand in a query string.
pub fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_everything_a_selector_holds() {
        assert_eq!(percent_encoded("up{job=~\"5..\"}"), "up%7Bjob%3D%7E%225%2E%2E%22%7D");
    }

    #[test]
    fn a_port_without_a_server_is_an_error_and_no_answer() {
        assert!(get(free_port(), "/").is_err());
    }
}
