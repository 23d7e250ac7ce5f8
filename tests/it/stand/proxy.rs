//! A proxy before a real Prometheus that lets questions through, or treats them as sources do that fail. It remembers
//! what it was asked and when.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use burnwatch::units::Span;

use crate::stand::serving::{Serving, request};

/// How it treats what it is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Through,
    /// The answer comes so much later.
    Late(Duration),
    Status(u16),
    /// 429, with so many seconds in `Retry-After`.
    AskToWait(u64),
    /// 422 to everything that asks for samples of more than so many seconds.
    TooMuchOver(i64),
    /// 422 to everything that contains this.
    TooMuchOf(&'static str),
    /// The first half of the answer, and the end of the connection.
    Cut,
    /// A web page with status 200.
    Page,
    /// What is JSON, with status 200, but no answer.
    Nonsense,
    Redirect,
    /// The answer, and that something of it is missing.
    Warn,
}

/// One question: the text of its query, when it came, how it was treated, and whether its answer was compressed.
#[derive(Debug, Clone)]
pub struct Asked {
    pub query: String,
    pub at: Instant,
    pub way: Way,
    pub is_compressed: bool,
}

pub struct Proxy {
    serving: Serving,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    upstream: String,
    way: Way,
    asked: Vec<Asked>,
}

impl Proxy {
    /// Before the server at `url`.
    pub fn before(url: &str) -> Proxy {
        let upstream = url.trim_start_matches("http://").to_string();
        let inside = Arc::new(Mutex::new(Inside { upstream, way: Way::Through, asked: Vec::new() }));
        let asked = inside.clone();
        Proxy { serving: Serving::start(move |stream| answer(stream, &asked)), inside }
    }

    pub fn url(&self) -> String {
        self.serving.url()
    }

    /// From now on treats everything so.
    pub fn treat(&self, way: Way) {
        enter(&self.inside).way = way;
    }

    /// What was treated so, in order.
    pub fn asked(&self, way: Way) -> Vec<Asked> {
        enter(&self.inside).asked.iter().filter(|asked| asked.way == way).cloned().collect()
    }
}

fn enter(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, inside: &Mutex<Inside>) -> Result<()> {
    let at = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (head, body) = request(&mut stream)?;
    let query = decoded(&format!("{head}&{}", String::from_utf8_lossy(&body)));
    let (upstream, way) = {
        let inside = enter(inside);
        (inside.upstream.clone(), inside.way)
    };
    let asked = |is_compressed| enter(inside).asked.push(Asked { query: query.clone(), at, way, is_compressed });
    let is_read = |line: &&str| way == Way::Warn && line.to_lowercase().starts_with("accept-encoding:");
    let through = || {
        let head: Vec<&str> = head.lines().filter(|line| !is_read(line)).collect();
        through(&upstream, &head.join("\r\n"), &body)
    };
    let made = |status: u16, more: &str, body: &str| {
        asked(false);
        let length = body.len();
        format!("HTTP/1.1 {status} So\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes()
    };
    let too_much = r#"{"status":"error","errorType":"execution","error":"too many samples"}"#;
    let bytes = match way {
        Way::TooMuchOver(seconds) if longest(&query) > seconds => made(422, "", too_much),
        Way::TooMuchOf(text) if query.contains(text) => made(422, "", too_much),
        Way::Status(status) => made(status, "", "no"),
        Way::AskToWait(seconds) => made(429, &format!("Retry-After: {seconds}\r\n"), "slower"),
        Way::Page => made(200, "", "<!doctype html><title>Sign in</title>"),
        Way::Nonsense => {
            made(200, "", r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":7}]}}"#)
        }
        Way::Redirect => made(302, &format!("Location: http://{upstream}/\r\n"), ""),
        Way::Through | Way::TooMuchOver(_) | Way::TooMuchOf(_) | Way::Late(_) | Way::Cut | Way::Warn => {
            let (head, mut body) = through()?;
            asked(head.to_lowercase().contains("content-encoding: gzip"));
            if way == Way::Warn {
                let text = String::from_utf8_lossy(&body).replacen('{', r#"{"warnings":["a store is gone"],"#, 1);
                body = text.into_bytes();
            }
            let length = body.len();
            let mut bytes = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
            if way == Way::Cut {
                body.truncate(length / 2);
            }
            bytes.extend(body);
            bytes
        }
    };
    if let Way::Late(delay) = way {
        sleep(delay);
    }
    stream.write_all(&bytes)
}

/// What the server behind answers: its head, each line with its break, without how long the body is, and the body. Asked
/// by HTTP/1.0, so that it comes in one piece.
fn through(upstream: &str, head: &str, body: &[u8]) -> Result<(String, Vec<u8>)> {
    let mut server = TcpStream::connect(upstream)?;
    server.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(server, "{}\r\nConnection: close\r\n\r\n", head.replacen("HTTP/1.1", "HTTP/1.0", 1))?;
    server.write_all(body)?;
    let mut bytes = Vec::new();
    server.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| std::io::Error::other("half an answer"))?;
    let told = ["content-length:", "connection:", "transfer-encoding:"];
    let head = String::from_utf8_lossy(&bytes[..end]).replacen("HTTP/1.0", "HTTP/1.1", 1);
    let lines = head.lines().filter(|line| !told.iter().any(|told| line.to_lowercase().starts_with(told)));
    Ok((lines.map(|line| format!("{line}\r\n")).collect(), bytes[end + 4..].to_vec()))
}

/// The seconds of the longest range that a query asks for.
fn longest(query: &str) -> i64 {
    let ranges = query.split('[').filter_map(|rest| rest.split_once(']')?.0.parse::<Span>().ok());
    ranges.map(|range| range.as_millis() / 1_000).max().unwrap_or(0)
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.extend(code);
        bytes.extend(&part.as_bytes()[if code.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8_lossy(&bytes).replace('+', " ")
}
