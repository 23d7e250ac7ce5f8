//! A webhook's receiver that remembers what it was sent and misbehaves as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stand::serving::{Serving, request};

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
    serving: Serving,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    manners: VecDeque<Manner>,
    posts: Vec<Post>,
}

impl Receiver {
    /// Treats the first posts as `manners` say and accepts all others.
    pub fn start(manners: &[Manner]) -> Receiver {
        let manners = manners.iter().copied().collect();
        let inside = Arc::new(Mutex::new(Inside { manners, posts: Vec::new() }));
        let posted = inside.clone();
        Receiver { serving: Serving::start(move |stream| answer(stream, &posted)), inside }
    }

    pub fn url(&self) -> String {
        format!("{}/hook", self.serving.url())
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

fn enter(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: TcpStream, inside: &Mutex<Inside>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (head, body) = request(&mut stream)?;
    let body = String::from_utf8_lossy(&body).into_owned();
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
            // Until whoever waits for it hangs up.
            stream.set_read_timeout(None)?;
            return stream.read(&mut [0]).map(drop);
        }
    };
    stream.write_all(said.as_bytes())
}
