//! A webhook's receiver that remembers what it was sent and misbehaves as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What it does with the next post.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Manner {
    Accept,
    Answer(u16),
    /// 429, with so many seconds in `Retry-After`.
    AskToWait(u64),
    /// Reads everything and never answers.
    Hang,
    /// Says 200 and closes in the middle of its answer.
    CloseMidBody,
    Redirect,
}

#[derive(Debug, Clone)]
pub struct Post {
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub at: Instant,
    pub manner: Manner,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub struct Receiver {
    address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Inside {
    manners: VecDeque<Manner>,
    posts: Vec<Post>,
    ended: bool,
}

impl Receiver {
    /// Treats the first posts as `manners` say and accepts all others.
    pub fn start(manners: &[Manner]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Mutex::new(Inside { manners: manners.iter().copied().collect(), ..Inside::default() }));
        let accepting = inside.clone();
        let thread = spawn(move || {
            for stream in listener.incoming() {
                if enter(&accepting).ended {
                    return;
                }
                let inside = accepting.clone();
                // A client that hangs up was told nothing.
                spawn(move || stream.and_then(|stream| answer(stream, &inside)));
            }
        });
        Receiver { address, inside, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything it was sent.
    pub fn posts(&self) -> Vec<Post> {
        enter(&self.inside).posts.clone()
    }

    /// The posts that it accepted.
    pub fn accepted(&self) -> Vec<Value> {
        let posts = self.posts().into_iter().filter(|post| post.manner == Manner::Accept);
        posts.map(|post| post.json()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        enter(&self.inside).ended = true;
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn enter(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, inside: &Mutex<Inside>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let (head, body) = loop {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            length => bytes.extend_from_slice(&piece[..length]),
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break (head.to_string(), body.to_string());
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_string();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_string())).collect();
    let manner = {
        let mut inside = enter(inside);
        let manner = inside.manners.pop_front().unwrap_or(Manner::Accept);
        inside.posts.push(Post { path, headers, body, at: Instant::now(), manner });
        manner
    };
    let said = match manner {
        Manner::Accept => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_string(),
        Manner::Answer(status) => format!("HTTP/1.1 {status} As Told\r\nContent-Length: 0\r\n\r\n"),
        Manner::AskToWait(seconds) => {
            format!("HTTP/1.1 429 Too Many\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n")
        }
        Manner::CloseMidBody => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_string(),
        Manner::Redirect => {
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/elsewhere\r\nContent-Length: 0\r\n\r\n".to_string()
        }
        Manner::Hang => {
            while !enter(inside).ended {
                sleep(Duration::from_millis(50));
            }
            return Ok(());
        }
    };
    stream.write_all(said.as_bytes())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
