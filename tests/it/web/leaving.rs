//! A stop under load: everybody who was heard is answered.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::stand::{Service, eventually};
use crate::web::{SOON, daemon};

/// Who sleeps so long between an answer and the next request, may find that the line is closed.
const PROMPT: Duration = Duration::from_millis(100);

/// Who is slow reads nothing for so long: longer than a stop waits for those who ask nothing, and less than for readers.
const PAUSE: Duration = Duration::from_millis(1_500);

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

/// A connection on which little is under way at once.
async fn narrow(port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_cuts_nobody_off_who_was_heard() {
    let service = Service::start();
    let sli = |number| format!("sli: {{ bad: 'a{{n=\"{number}\"}}', total: 'b{{n=\"{number}\"}}' }}");
    let slo = |number| format!("  - {{ name: number-{number}, objective: 99%, {} }}\n", sli(number));
    let slos: String = (0..MANY).map(slo).collect();
    let labels = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name}: {}", "x".repeat(LONG))).join(", ");
    let mut daemon = daemon(&service, &format!("service: shop\nlabels: {{ {labels} }}\nslos:\n{slos}"));
    daemon.start();
    let port = daemon.port();
    eventually("there is much to tell", SOON, || daemon.text("/metrics").len(), |length| *length > 6 << 20);

    let load: Vec<_> = (0..8).map(|_| spawn(move || asked_until_the_end(port))).collect();
    let mut slow = narrow(port).await;
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    slow.read_exact(&mut [0]).unwrap();
    let reading = spawn(move || {
        sleep(PAUSE);
        answer(&mut BufReader::new(slow))
    });
    // And one who never reads on is not waited for.
    let mut deaf = narrow(port).await;
    deaf.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    deaf.read_exact(&mut [0]).unwrap();
    let status = daemon.stop();
    assert!(status.success(), "{status}: {}", daemon.output());
    reading.join().unwrap().unwrap_or_else(|error| panic!("the answer was cut: {error}\n{}", daemon.output()));
    for asking in load {
        let answers = asking.join().unwrap().unwrap();
        assert!(answers > 0);
    }
}
