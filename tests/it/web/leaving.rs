//! A stop under load: everybody who was heard is answered.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use crate::stand::{Service, eventually};
use crate::web::{SOON, daemon};

/// Who sleeps so long between an answer and the next request, may find that the line is closed.
const PROMPT: Duration = Duration::from_millis(100);

/// So many SLOs with labels so long that their metrics do not fit what the kernel holds for a reader.
const MANY: usize = 400;
const LONG: usize = 250;

/// Asks again and again until nobody listens any more. How many answers there were; an error where one was cut.
fn asked_until_the_end(port: u16) -> Result<usize, String> {
    let mut answers = 0;
    loop {
        let mut since = Instant::now();
        let stream = match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(answers),
            Err(error) => return Err(format!("no connection: {error}")),
        };
        let mut reader = BufReader::new(stream);
        loop {
            let sent = reader.get_mut().write_all(b"GET /api/v1/alerts HTTP/1.1\r\nHost: h\r\n\r\n");
            let is_prompt = since.elapsed() < PROMPT;
            match sent.and_then(|()| answer(&mut reader)) {
                Ok(is_last) => {
                    answers += 1;
                    if is_last {
                        break;
                    }
                }
                Err(error) if is_prompt => return Err(format!("after {answers} answers: {error}")),
                Err(_) => break,
            }
            since = Instant::now();
        }
    }
}

/// Reads one whole answer; whether it is the last on its connection.
fn answer(reader: &mut BufReader<TcpStream>) -> std::io::Result<bool> {
    let (mut line, mut length, mut is_last) = (String::new(), 0, false);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("connection", value)) => is_last = value == "close",
            Some(_) => {}
            None if line == "\r\n" => break,
            None => {}
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).and_then(|read| match read == length {
        true => Ok(is_last),
        false => Err(ErrorKind::UnexpectedEof.into()),
    })
}

#[test]
fn a_stop_under_load_cuts_nobody_off_who_was_heard() {
    let service = Service::start();
    let slos: String = (0..MANY)
        .map(|number| format!("  - {{ name: number-{number}, objective: 99%, sli: {{ bad: 'a{{n=\"{number}\"}}', total: 'b{{n=\"{number}\"}}' }} }}\n"))
        .collect();
    let labels = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name}: {}", "x".repeat(LONG))).join(", ");
    let mut daemon = daemon(&service, &format!("service: shop\nlabels: {{ {labels} }}\nslos:\n{slos}"));
    daemon.start();
    let port = daemon.port();
    eventually("there is much to tell", SOON, || daemon.text("/metrics").len(), |length| *length > 6 << 20);

    let load: Vec<_> = (0..8).map(|_| spawn(move || asked_until_the_end(port))).collect();
    let mut slow = TcpStream::connect(("127.0.0.1", port)).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut began = [0; 1 << 10];
    slow.read_exact(&mut began).unwrap();
    let reading = spawn(move || {
        let mut reader = BufReader::with_capacity(1 << 20, slow);
        let head = String::from_utf8(began.to_vec()).unwrap();
        let (head, body) = head.split_once("\r\n\r\n").unwrap();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(String::from));
        let length: usize = length.unwrap().parse().unwrap();
        let mut read = body.len();
        // Two seconds: less than a stop waits.
        for _ in 0..20 {
            sleep(Duration::from_millis(100));
            let chunk = reader.by_ref().take(length as u64 / 20);
            read += std::io::copy(&mut { chunk }, &mut std::io::sink()).unwrap_or_default() as usize;
        }
        read +=
            std::io::copy(&mut reader.take((length - read) as u64), &mut std::io::sink()).unwrap_or_default() as usize;
        (read, length)
    });
    let status = daemon.stop();
    assert!(status.success(), "{status}: {}", daemon.output());
    let (read, length) = reading.join().unwrap();
    assert_eq!(read, length, "the answer was cut\n{}", daemon.output());
    for asking in load {
        let answers = asking.join().unwrap().unwrap();
        assert!(answers > 0);
    }
}
