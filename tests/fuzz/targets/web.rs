//! web.yml.

use std::net::{Ipv4Addr, SocketAddr};

use burnwatch::io::web::Gate;
use burnwatch::units::Problem;

use crate::targets::{check_problems, file};

pub fn target(bytes: &[u8]) {
    let (_dir, path) = file("web.yml", bytes);
    let Err(problems) = Gate::open(Some(&path), SocketAddr::from((Ipv4Addr::LOCALHOST, 1))) else { return };
    assert!(!problems.is_empty());
    // The files that it names are problems of their own.
    let (of_files, problems): (Vec<Problem>, Vec<Problem>) =
        problems.into_iter().partition(|problem| problem.code == "tls_server_config" && problem.place.is_none());
    assert!(of_files.len() <= 1);
    check_problems(&problems, bytes);
    assert!(
        problems.iter().filter_map(|problem| problem.place.as_ref()).all(|place| place.text.is_empty()),
        "a secret"
    );
}
